// Finds tensors that keep their numbers in other files, before any native code opens an ONNX file.
// An ONNX file is a protocol buffer, of which only the fields that lead to
// tensors are read. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3

import { ProtobufError, ProtobufReader } from './protobuf.ts'

type OnnxMessage = 'model' | 'training' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor'

/** The kind of message in each field, by the number of the field. */
const shapes: Record<OnnxMessage, { [field: number]: OnnxMessage }> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
}

const externalData = 13
const dataLocation = 14
/** The most nested graphs; exported models have two. */
const deepest = 40

/** True if any tensor of the model, also in a branch or function, keeps its numbers in another file. */
export function refersToOtherFiles(file: Uint8Array): boolean {
  return search(new ProtobufReader(file), 'model', 0)
}

function search(reader: ProtobufReader, kind: OnnxMessage, depth: number): boolean {
  if (depth > deepest) throw new ProtobufError(`the graphs are nested more than ${deepest} levels deep`)
  const shape = shapes[kind]
  while (!reader.isAtEnd) {
    const { field, wire } = reader.tag()
    const inner = shape[field]
    if (kind === 'tensor' && field === externalData) return true
    if (kind === 'tensor' && field === dataLocation && wire === 0) {
      if (reader.number() !== 0) return true
    } else if (inner && wire === 2) {
      if (search(reader.message(), inner, depth + 1)) return true
    } else reader.skip(wire)
  }
  return false
}
