import { type Endpoint, endpointOf } from '../domain/endpoint.ts'
import { type Sample, samplesOf } from '../domain/endpoint-samples.ts'
import { recognitionModes } from '../domain/recognition-mode.ts'
import { builder } from './builder.ts'

const RecognitionModeEnum = builder.enumType('RecognitionMode', {
  description: 'How a client speaks; part of the URL.',
  values: {
    INTERACTIVE: { value: 'interactive', description: 'One utterance: the first phrase is answered.' },
    CONVERSATION: { value: 'conversation', description: 'People talking: every phrase is answered.' },
    DICTATION: { value: 'dictation', description: 'Someone dictating: longer pauses, and spoken marks are written as marks.' },
  } as const,
})

const EndpointUrls = builder.objectRef<Endpoint>('EndpointUrls').implement({
  description: 'The addresses of an endpoint for one way of speaking.',
  fields: (t) => ({
    mode: t.expose('mode', { type: RecognitionModeEnum, description: 'The way of speaking.' }),
    httpUrl: t.expose('httpUrl', { type: 'URL', description: 'POST a recording of up to a minute here: WAV, MP3, M4A, FLAC, Ogg, WebM and others.' }),
    webSocketUrl: t.expose('webSocketUrl', {
      type: 'URL',
      description: 'Give this to the Speech SDK: `SpeechConfig.fromEndpoint(new URL(webSocketUrl), key)`.',
    }),
  }),
})

const SampleToolEnum = builder.enumType('SampleTool', {
  description: 'What a sample is written for.',
  values: {
    CURL: { description: 'A shell with curl.' },
    JAVASCRIPT: { description: 'Node.js without packages.' },
    PYTHON: { description: 'Python 3 without packages.' },
    SPEECH_SDK: { description: 'Node.js with the Speech SDK of Microsoft (npm: microsoft-cognitiveservices-speech-sdk).' },
    OPENAI: { description: 'Node.js with the client of OpenAI (npm: openai).' },
  } as const,
})

const SampleType = builder.objectRef<Sample>('EndpointSample').implement({
  description: 'A ready-made program that sends `speech.wav` to the endpoint; it reads the key from the environment variable KEY.',
  fields: (t) => ({
    tool: t.expose('tool', { type: SampleToolEnum, description: 'What it is written for.' }),
    code: t.exposeString('code', { description: 'The program.' }),
  }),
})

export const EndpointType = builder.objectRef<Endpoint>('Endpoint').implement({
  description: 'The addresses where a Complete deployment recognizes speech.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The endpoint id that clients send as `cid`; the Speech SDK calls it endpointId.' }),
    httpUrl: t.expose('httpUrl', {
      type: 'URL',
      description: "POST a recording of up to a minute here: WAV, MP3, M4A, FLAC, Ogg, WebM and others; for the scenario's usual way of speaking.",
    }),
    webSocketUrl: t.expose('webSocketUrl', {
      type: 'URL',
      description: 'Give this to the Speech SDK: `SpeechConfig.fromEndpoint(new URL(webSocketUrl), key)`.',
    }),
    urls: t.field({
      type: [EndpointUrls],
      description: 'The addresses for each way of speaking.',
      resolve: ({ id }, _, ctx) => recognitionModes.map((mode) => endpointOf(ctx, id, mode)),
    }),
    samples: t.field({
      type: [SampleType],
      description: 'Programs to start from, filled in with this endpoint.',
      resolve: samplesOf,
    }),
  }),
})
