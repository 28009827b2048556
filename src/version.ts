import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version of this package, as its package.json says. */
export function toolVersion(): string {
  return readManifest(new URL('../package.json', import.meta.url)).version;
}

/** The version of an installed package, or undefined where it is not there. */
export function packageVersion(name: string): string | undefined {
  let place: URL;
  try {
    place = new URL(import.meta.resolve(name));
  } catch {
    return undefined;
  }
  for (; ; place = new URL('..', place)) {
    const file = new URL('./package.json', place);
    if (existsSync(fileURLToPath(file))) {
      const manifest = readManifest(file);
      if (manifest.name === name) return manifest.version;
    }
    if (place.pathname === '/' || place.href === new URL('..', place).href) return undefined;
  }
}

function readManifest(file: URL): { name: string; version: string } {
  return JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string };
}
