import { randomFloats } from '../ops/gradients/check-gradient.js';

/** Random float constants as ONNX text declares them: `<float[2,3] w = {0.1, …}>`. */
export function constants(dims: Readonly<Record<string, readonly number[]>>): string {
  const declared = Object.entries(dims).map(([name, sizes], k) => {
    const values = Array.from(randomFloats(sizes, k + 1).data as Float32Array, (value) => value.toFixed(3));
    return `float[${sizes}] ${name} = {${values}}`;
  });
  return `<${declared.join(', ')}>`;
}
