/** Run by itself with the path of a tokenizer.json: ends with code 0 where that loads and tokenizes. */
import { Tokenizer } from 'tokenizers';
import { messageOf } from '../errors.js';
import { readText } from './files.js';

try {
  const tokenizer = Tokenizer.fromString(await readText(process.argv[2]!));
  tokenizer.disableTruncation();
  await tokenizer.encode('');
  await tokenizer.encode('', '');
  await tokenizer.encode('a').catch(() => {}); // a text may hold what a vocabulary lacks
} catch (error) {
  process.stderr.write(messageOf(error));
  process.exitCode = 1;
}
