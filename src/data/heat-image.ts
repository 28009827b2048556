/** Values as shades of grey, in a data URI. */
export interface HeatImage {
  uri: string;
  /** Pixels. */
  width: number;
  height: number;
}

/**
 * Draws values row by row, the least black and the greatest white; where there is more than fits, neighbours are
 * averaged. What is not finite counts as the least.
 * @param values `height` rows of `width`
 * @param limits most pixels of the image
 */
export async function heatImage(
  values: ArrayLike<number>,
  width: number,
  height: number,
  limits: { width: number; height: number },
): Promise<HeatImage> {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < width * height; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const shade = 255 / (high - low || 1);
  const pixels = Uint8Array.from({ length: width * height }, (_, at) => {
    const value = values[at]!;
    return Number.isFinite(value) ? Math.round((value - low) * shade) : 0;
  });
  const { default: sharp } = await import('sharp');
  const size = { width: Math.min(width, limits.width), height: Math.min(height, limits.height) };
  const fitted = sharp(pixels, { raw: { width, height, channels: 1 } }).resize({
    ...size,
    fit: 'fill',
    kernel: 'cubic',
  });
  const bytes = await fitted.toColourspace('b-w').webp({ quality: 60 }).toBuffer();
  return { uri: `data:image/webp;base64,${bytes.toString('base64')}`, ...size };
}
