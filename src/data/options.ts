/** How a data set is to be read, where the files themselves do not say it. */
export interface DatasetOptions {
  /** Column that names the file of a sample (images, audio). */
  inputColumn?: string | undefined;
  /** Column that holds the label. */
  labelColumn?: string | undefined;
  /** Column that holds the text. */
  textColumn?: string | undefined;
  /** Column that holds the second text of a pair. */
  pairColumn?: string | undefined;
  /** Column separator of a CSV file; found from the header line where absent. */
  delimiter?: string | undefined;
  /** Which part to take where a folder holds several: `train`, `test`, `t10k` … */
  split?: string | undefined;
}

/** Usual names of the columns in manifests and tables, most telling first. */
export const COLUMN_NAMES = {
  image: ['image', 'file_name', 'filename', 'file', 'path', 'image_path', 'img'],
  audio: ['audio', 'file_name', 'filename', 'file', 'path', 'audio_path', 'wav'],
  text: [
    ...['text', 'sentence', 'sentence1', 'premise', 'question', 'content', 'query', 'utterance', 'review', 'sms'],
    ...['message', 'body', 'comment', 'tweet', 'document'],
  ],
  pair: ['text_pair', 'text2', 'sentence2', 'hypothesis', 'question2', 'answer', 'context'],
  label: ['label', 'labels', 'class', 'category', 'target', 'intent', 'sentiment', 'topic', 'emotion'],
} as const satisfies Record<string, readonly string[]>;
