/** A message in the protobuf wire format, written field by field: for files that no ordinary writer makes. */
export function message(...fields: Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

/** A field of a whole number (wire type 0). */
export function varint(field: number, value: number | bigint): Uint8Array {
  return Buffer.concat([number(BigInt(field) << 3n), number(BigInt.asUintN(64, BigInt(value)))]);
}

/** A field of bytes, text or a message (wire type 2). */
export function bytes(field: number, content: Uint8Array | string): Uint8Array {
  const payload = Buffer.from(content as Uint8Array);
  return Buffer.concat([number((BigInt(field) << 3n) | 2n), number(BigInt(payload.length)), payload]);
}

/** A field of 4 or 8 bytes (wire types 5 and 1). */
export function fixed(field: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([number((BigInt(field) << 3n) | (content.length === 4 ? 5n : 1n)), content]);
}

function number(value: bigint): Uint8Array {
  const groups: number[] = [];
  let rest = value;
  do {
    groups.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest);
  return Uint8Array.from(groups);
}
