import { countLocale, findLocale, type Locale, listLocales } from '../domain/locale.ts'
import { builder } from './builder.ts'

const LocaleType = builder.objectRef<Locale>('SpeechLocale').implement({
  description: 'A language as spoken in a place, for which there are base models.',
  fields: (t) => ({
    code: t.expose('code', { type: 'Locale', description: 'Its BCP 47 tag.' }),
    name: t.exposeString('name', { description: 'Its name in English.' }),
    nativeName: t.exposeString('nativeName', { description: 'Its name in its own language.' }),
    baseAcousticModelCount: t.int({
      description: 'How many base acoustic models there are.',
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'baseAcoustic'),
    }),
    customAcousticModelCount: t.int({
      description: "How many of the workspace's own.",
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'customAcoustic'),
    }),
    baseLanguageModelCount: t.int({
      description: 'How many base language models there are.',
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'baseLanguage'),
    }),
    customLanguageModelCount: t.int({
      description: "How many of the workspace's own.",
      resolve: (locale, _, ctx) => countLocale(ctx, locale, 'customLanguage'),
    }),
    deploymentCount: t.int({ description: 'How many deployments the workspace has.', resolve: (locale, _, ctx) => countLocale(ctx, locale, 'deployments') }),
  }),
})

builder.queryField('locales', (t) =>
  t.field({
    type: [LocaleType],
    description: 'Every locale that can be deployed, by its code.',
    resolve: (_, __, ctx) => listLocales(ctx),
  }),
)

builder.queryField('locale', (t) =>
  t.field({
    type: LocaleType,
    nullable: true,
    description: 'One locale; null when there are no models for it.',
    args: { code: t.arg({ type: 'Locale', required: true, description: 'Its BCP 47 tag, whatever its case.' }) },
    resolve: (_, { code }, ctx) => findLocale(ctx, code),
  }),
)
