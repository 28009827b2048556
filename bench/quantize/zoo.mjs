import { join } from 'node:path';

/** Data of each kind of model: training and test split below the zoo, in the forms that the command line takes. */
const DATA = {
  fashion: ['fashion-mnist/train-images-idx3-ubyte.gz', 'fashion-mnist/t10k-images-idx3-ubyte.gz'],
  digits: ['spoken-digits/train', 'spoken-digits/test'],
  banking: ['banking77/train.csv', 'banking77/test.csv'],
};

export const MODELS = [
  'fashion-resnet',
  'fashion-mobilenet',
  'fashion-vit',
  'fashion-cnn-small',
  'fashion-cnn-keras',
  'digits-lstm',
  'digits-dscnn',
  'digits-m5',
  'banking-minilm',
  'banking-textcnn',
  'banking-gru',
];

/** Where a model and its data lie. */
export function zooModel(zoo, name) {
  const [train, test] = DATA[name.split('-')[0]].map((path) => join(zoo, 'data', path));
  const folder = join(zoo, 'models', name);
  return { name, folder, path: join(folder, 'model.onnx'), train, test };
}
