/** A kind of file that is handed over for a model by mistake. */
interface FileKind {
  /** How it begins, in Latin-1. */
  start: string | RegExp;
  /** Bytes before `start`. */
  at?: number;
  what: string;
  mend: string;
}

const KINDS: readonly FileKind[] = [
  { start: 'version https://git-lfs', what: 'a Git LFS pointer', mend: 'run git lfs pull' },
  { start: /^\s*(<!doctype html|<html)/i, what: 'a web page', mend: 'download the model itself, not its page' },
  { start: /^\s*<\?xml/, what: 'an XML file', mend: 'name a .onnx file' },
  { start: /^\s*[{[]\s*["{[\]}]/, what: 'a JSON file', mend: 'name the .onnx file' },
  { start: 'PK\x03\x04', what: 'a ZIP archive (perhaps a PyTorch checkpoint)', mend: 'unpack it, or export to ONNX' },
  { start: '\x1f\x8b', what: 'a gzip archive', mend: 'unpack it first' },
  { start: '\x89PNG', what: 'a PNG image', mend: 'name the .onnx file' },
  { start: '\xff\xd8\xff', what: 'a JPEG image', mend: 'name the .onnx file' },
  { start: '\x89HDF', what: 'an HDF5 file (perhaps a Keras model)', mend: 'export the model to ONNX' },
  { start: '\x93NUMPY', what: 'a NumPy array', mend: 'name the .onnx file' },
  { start: '\x80\x02', what: 'a Python pickle (perhaps a PyTorch checkpoint)', mend: 'export the model to ONNX' },
  { start: 'TFL3', at: 4, what: 'a TensorFlow Lite model', mend: 'export the model to ONNX' },
  { start: 'ORTM', at: 4, what: "a model in ONNX Runtime's own format", mend: 'name the .onnx file it was made from' },
  { start: '{"', at: 8, what: 'a safetensors file', mend: 'export the model to ONNX' },
];

/** What a file that is no ONNX model is, where its beginning tells. */
export function recognise(bytes: Uint8Array): { what: string; mend: string } | undefined {
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  return KINDS.find(({ start, at }) => (typeof start === 'string' ? text.startsWith(start, at) : start.test(text)));
}
