/** Operators that hand a value on as it is, but for its form: they compute nothing with its numbers. */
export const HANDS_ON: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Expand', 'Slice'],
]);
