import { checkModel } from '../ir/check.js';
import type { Model } from '../ir/model.js';
import { modelFromProto } from './read.js';
import { TextParser } from './text/parser.js';
import { TextPrinter } from './text/printer.js';

/** How a text is read. */
export interface ParseOptions {
  /** Names the text in messages and locates external data. */
  path?: string;
  /** Check the graph as `readModel` does (the default); turn it off to read a broken one. */
  check?: boolean;
}

/**
 * Reads a model in the ONNX textual syntax (onnx/docs/Syntax.md, `onnx.parser` in Python): the form for examples and
 * tests. Values of 16-bit and smaller floats are bit patterns, as there.
 * @throws UserError naming line and column, or node and value where the model is not sound.
 */
export function parseModel(text: string, options: ParseOptions = {}): Model {
  const proto = new TextParser(text, options.path).model();
  const model = modelFromProto(proto, options.path ?? 'the model text');
  if (options.check ?? true) checkModel(model, options.path);
  return model;
}

/**
 * Writes a model in the ONNX textual syntax, for messages and debugging. Tensors of more than `elements` elements are
 * cut short with an ellipsis, which `parseModel` refuses. Descriptions, annotations and sparse tensors have no form in
 * the syntax and are left out.
 */
export function printModel(model: Model, options: { elements?: number } = {}): string {
  return new TextPrinter(options.elements ?? 32).model(model);
}
