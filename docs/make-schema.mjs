// Writes the JSON Schema of config files; run it with npm run schema.
import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../dist/commands/config-json-schema.js';

writeFileSync(new URL('nncompress.schema.json', import.meta.url), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
