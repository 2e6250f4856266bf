// A deployment behind OpenAI's API: its client, and forms as other clients send them.
import OpenAI, { toFile } from 'openai'
import { openTestService, referenceRecording, type Service } from './service.ts'

export const reference = referenceRecording()
export const fileOf = (wav: Buffer) => toFile(wav, 'speech.wav')

/** A client of the server with another key than the test service's own. */
export const clientWith = ({ localUrl }: Service, apiKey: string) => new OpenAI({ baseURL: `${localUrl}/v1`, apiKey, maxRetries: 0 })

export interface OpenAiService {
  api: Service
  client: OpenAI
  /** The endpoint id, which is the model in OpenAI's API. */
  model: string
  /** The URL of the same endpoint for short audio. */
  endpoint: string
}

/** Opens a service with one CONVERSATIONAL deployment. */
export async function openOpenAi(): Promise<OpenAiService> {
  const api = await openTestService()
  const endpoint = (await api.deployEndpoint('CONVERSATIONAL')).httpUrl
  return { api, client: clientWith(api, api.key), model: new URL(endpoint).searchParams.get('cid') ?? '', endpoint }
}

/** The error that a call of OpenAI's client rejects with; undefined if it resolves. */
export const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: InstanceType<typeof OpenAI.APIError>) => error,
  )

export type Field = readonly [name: string, value: string | Blob, filename?: string]
export const fileField = () => ['file', new Blob([reference]), 'speech.wav'] as const

/** Posts a transcription form. */
export async function postForm({ localUrl, key }: Service, fields: readonly Field[]) {
  const form = new FormData()
  for (const [name, value, filename] of fields) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, filename)
  }
  const response = await fetch(`${localUrl}/v1/audio/transcriptions`, { method: 'POST', body: form, headers: { authorization: `Bearer ${key}` } })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, warning: response.headers.get('warning'), text, json: isJson ? JSON.parse(text) : undefined }
}
