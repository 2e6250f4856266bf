import { type Endpoint, endpointOf } from '../domain/endpoint.ts'
import { type Sample, samplesOf } from '../domain/endpoint-samples.ts'
import { recognitionModes } from '../domain/recognition-mode.ts'
import { builder } from './builder.ts'

const RecognitionModeEnum = builder.enumType('RecognitionMode', {
  description: 'The recognition mode of an endpoint. The mode is part of the URL.',
  values: {
    INTERACTIVE: { value: 'interactive', description: 'One utterance. The endpoint answers the first phrase.' },
    CONVERSATION: { value: 'conversation', description: 'A conversation. The endpoint answers every phrase.' },
    DICTATION: { value: 'dictation', description: 'Dictation. The endpoint allows longer pauses and writes spoken punctuation marks as marks.' },
  } as const,
})

const EndpointUrls = builder.objectRef<Endpoint>('EndpointUrls').implement({
  description: 'The URLs of an endpoint for one recognition mode.',
  fields: (t) => ({
    mode: t.expose('mode', { type: RecognitionModeEnum, description: 'The recognition mode.' }),
    httpUrl: t.expose('httpUrl', {
      type: 'URL',
      description: 'The HTTP URL for POST requests with a recording of up to a minute: WAV, MP3, M4A, FLAC, Ogg, WebM and others.',
    }),
    webSocketUrl: t.expose('webSocketUrl', {
      type: 'URL',
      description: 'The WebSocket URL for the Speech SDK: `SpeechConfig.fromEndpoint(new URL(webSocketUrl), key)`.',
    }),
  }),
})

const SampleToolEnum = builder.enumType('SampleTool', {
  description: 'The tool that a sample uses.',
  values: {
    CURL: { description: 'A shell with curl.' },
    JAVASCRIPT: { description: 'Node.js without packages.' },
    PYTHON: { description: 'Python 3 without packages.' },
    SPEECH_SDK: { description: 'Node.js with the Speech SDK of Microsoft (npm: microsoft-cognitiveservices-speech-sdk).' },
    OPENAI: { description: 'Node.js with the client of OpenAI (npm: openai).' },
  } as const,
})

const SampleType = builder.objectRef<Sample>('EndpointSample').implement({
  description: 'A program that sends `speech.wav` to the endpoint. The program reads the key from the environment variable KEY.',
  fields: (t) => ({
    tool: t.expose('tool', { type: SampleToolEnum, description: 'The tool that the sample uses.' }),
    code: t.exposeString('code', { description: 'The program.' }),
  }),
})

export const EndpointType = builder.objectRef<Endpoint>('Endpoint').implement({
  description: 'The URLs of a COMPLETE deployment for speech recognition.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The endpoint id that clients send as `cid`. The Speech SDK calls this id endpointId.' }),
    httpUrl: t.expose('httpUrl', {
      type: 'URL',
      description:
        "The HTTP URL for POST requests with a recording of up to a minute: WAV, MP3, M4A, FLAC, Ogg, WebM and others. The URL uses the scenario's default recognition mode.",
    }),
    webSocketUrl: t.expose('webSocketUrl', {
      type: 'URL',
      description: 'The WebSocket URL for the Speech SDK: `SpeechConfig.fromEndpoint(new URL(webSocketUrl), key)`.',
    }),
    urls: t.field({
      type: [EndpointUrls],
      description: 'The URLs for each recognition mode.',
      resolve: ({ id }, _, ctx) => recognitionModes.map((mode) => endpointOf(ctx, id, mode)),
    }),
    samples: t.field({
      type: [SampleType],
      description: 'Sample programs that use the URLs of this endpoint.',
      resolve: samplesOf,
    }),
  }),
})
