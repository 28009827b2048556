"""Records BatchNorm2d in training mode as PyTorch 2.13 computes it: python recorded-batch-norm.py > recorded-batch-norm.json"""

import json

import torch

torch.manual_seed(0)
norm = torch.nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)
with torch.no_grad():
    for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        value.copy_(torch.rand(3) + 0.5)
before = {name: value.clone() for name, value in norm.state_dict().items()}
x = (torch.randn(2, 3, 2, 3) * 2 + 1).requires_grad_()
weights = torch.randn(2, 3, 2, 3)
y = norm(x)
(y * weights).sum().backward()
record = {
    "x": x, "weights": weights, "s": before["weight"], "b": before["bias"],
    "mean": before["running_mean"], "variance": before["running_var"],
    "y": y, "nextMean": norm.running_mean, "nextVariance": norm.running_var,
    "gradients": {"x": x.grad, "s": norm.weight.grad, "b": norm.bias.grad},
}
flat = lambda value: {k: flat(v) for k, v in value.items()} if isinstance(value, dict) else [
    round(v, 6) for v in value.detach().flatten().tolist()]
print(json.dumps(flat(record)))
