/** An NPY file as numpy.save writes it. */
export function npy(
  descr: string,
  dims: readonly number[],
  body: readonly number[] | Buffer,
  { fortran = false, version = 1 } = {},
): Buffer {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const order = fortran ? 'True' : 'False';
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const start = version > 1 ? 12 : 10;
  const header = Buffer.from(`${text.padEnd(127 - start)}\n`, 'latin1');
  const size = Buffer.alloc(version > 1 ? 4 : 2);
  if (version > 1) size.writeUInt32LE(header.length);
  else size.writeUInt16LE(header.length);
  return Buffer.concat([
    Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1'),
    size,
    header,
    Buffer.from(body),
  ]);
}
