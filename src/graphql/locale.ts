import { countLocale, findLocale, type Locale, listLocales } from '../domain/locale.ts'
import { builder } from './builder.ts'

const LocaleType = builder.objectRef<Locale>('SpeechLocale').implement({
  description: 'A language as spoken in a place. The server has base models for every locale.',
  fields: (t) => ({
    code: t.expose('code', { type: 'Locale', description: 'The BCP 47 tag of the locale.' }),
    name: t.exposeString('name', { description: 'The English name of the locale.' }),
    nativeName: t.exposeString('nativeName', { description: 'The name of the locale in the language of the locale.' }),
    baseAcousticModelCount: t.int({
      description: 'The number of base acoustic models for the locale.',
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'baseAcoustic'),
    }),
    customAcousticModelCount: t.int({
      description: "The number of the workspace's custom acoustic models for the locale.",
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'customAcoustic'),
    }),
    baseLanguageModelCount: t.int({
      description: 'The number of base language models for the locale.',
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'baseLanguage'),
    }),
    customLanguageModelCount: t.int({
      description: "The number of the workspace's custom language models for the locale.",
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'customLanguage'),
    }),
    deploymentCount: t.int({
      description: "The number of the workspace's deployments for the locale.",
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'deployments'),
    }),
  }),
})

builder.queryField('locales', (t) =>
  t.field({
    type: [LocaleType],
    description: 'Every locale that a deployment can use, sorted by code.',
    resolve: (_, __, ctx) => listLocales(ctx),
  }),
)

builder.queryField('locale', (t) =>
  t.field({
    type: LocaleType,
    nullable: true,
    description: 'A locale by code; null when the server has no models for the locale.',
    args: { code: t.arg({ type: 'Locale', required: true, description: 'The BCP 47 tag of the locale in any case.' }) },
    resolve: (_, { code }, ctx) => findLocale(ctx, code),
  }),
)
