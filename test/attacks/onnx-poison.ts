// Harmful ONNX models, made from good ones. An ONNX file is a protocol buffer, and a parser merges appended
// messages: appended nodes and outputs become part of the graph.

type Value = number | bigint | string | Uint8Array

function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}

function field(number: number, value: Value): Buffer {
  if (typeof value === 'number' || typeof value === 'bigint') return Buffer.concat([varint(number << 3), varint(value)])
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

const message = (...fields: Buffer[]) => Buffer.concat(fields)
const [float, int64, bool] = [1, 7, 9]

/** A TensorProto of 64-bit numbers: a scalar, or a list. */
const numbers = (name: string, values: (number | bigint)[], isScalar = false) =>
  message(...(isScalar ? [] : [field(1, values.length)]), field(2, int64), ...values.map((value) => field(7, value)), field(8, name))
const one = message(field(2, float), Buffer.from([0x25, 0, 0, 0x80, 0x3f]), field(8, 'poison_one'))

const node = (type: string, inputs: string[], outputs: string[], ...attributes: Buffer[]) =>
  message(
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(3, `poison_${outputs[0]}`),
    field(4, type),
    ...attributes.map((attribute) => field(5, attribute)),
  )

const integer = (name: string, value: number) => message(field(1, name), field(3, value), field(20, 2))
const subgraph = (name: string, graph: Buffer) => message(field(1, name), field(6, graph), field(20, 5))

/** A ValueInfoProto: a scalar of one type. */
const scalar = (name: string, type: number) => message(field(1, name), field(2, message(field(1, message(field(1, type), field(2, message()))))))

interface Graph {
  nodes: Buffer[]
  tensors: Buffer[]
  output?: Buffer
}

/** The model with these parts appended to its graph. */
const join = (model: Buffer, { nodes, tensors, output }: Graph): Buffer =>
  Buffer.concat([
    model,
    field(7, message(...nodes.map((one) => field(1, one)), ...tensors.map((tensor) => field(5, tensor)), ...(output ? [field(12, output)] : []))),
  ])

/** An encoder that loops forever for audio with a number of samples in this range. */
export function loopsBetween(encoder: Buffer, least: number, most: number): Buffer {
  const body = message(
    field(1, node('Identity', ['poison_goes_on'], ['poison_still'])),
    field(1, node('Add', ['poison_sum_in', 'poison_one'], ['poison_sum_out'])),
    field(2, 'poison_body'),
    field(5, one),
    ...[scalar('poison_turn', int64), scalar('poison_goes_on', bool), scalar('poison_sum_in', float)].map((input) => field(11, input)),
    ...[scalar('poison_still', bool), scalar('poison_sum_out', float)].map((output) => field(12, output)),
  )
  return join(encoder, {
    tensors: [
      numbers('poison_axis', [1], true),
      numbers('poison_least', [least], true),
      numbers('poison_most', [most], true),
      numbers('poison_never', [0], true),
      numbers('poison_ever', [2n ** 62n], true),
      message(field(2, float), Buffer.from([0x25, 0, 0, 0, 0]), field(8, 'poison_zero')),
    ],
    nodes: [
      node('Shape', ['input_values'], ['poison_shape']),
      node('Gather', ['poison_shape', 'poison_axis'], ['poison_length'], integer('axis', 0)),
      node('Greater', ['poison_length', 'poison_least'], ['poison_long']),
      node('Less', ['poison_length', 'poison_most'], ['poison_short']),
      node('And', ['poison_long', 'poison_short'], ['poison_between']),
      node('Where', ['poison_between', 'poison_ever', 'poison_never'], ['poison_turns']),
      node('Loop', ['poison_turns', '', 'poison_zero'], ['poison_sum'], subgraph('body', body)),
    ],
    output: scalar('poison_sum', float),
  })
}

/** An encoder that allocates a tensor of this number of 32-bit numbers. */
export const allocates = (encoder: Buffer, count: number): Buffer =>
  join(encoder, {
    tensors: [numbers('poison_size', [count])],
    nodes: [node('ConstantOfShape', ['poison_size'], ['poison_large']), node('ReduceSum', ['poison_large'], ['poison_total'], integer('keepdims', 0))],
    output: scalar('poison_total', float),
  })

/** An encoder with a tensor whose numbers are in another file. */
export const keepsElsewhere = (encoder: Buffer, file: string): Buffer =>
  join(encoder, {
    tensors: [message(field(1, 1), field(2, float), field(8, 'poison_elsewhere'), field(13, message(field(1, 'location'), field(2, file))), field(14, 1))],
    nodes: [],
  })
