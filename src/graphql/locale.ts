import { countAcousticModels, countLanguageModels, countLocaleDeployments, type Locale, listLocales } from '../domain/locale.ts'
import { builder } from './builder.ts'

const LocaleType = builder.objectRef<Locale>('SpeechLocale').implement({
  description: 'A language as spoken in a place, for which there are base models.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'Its BCP 47 tag, such as en-US.' }),
    name: t.exposeString('name', { description: 'Its name in English.' }),
    nativeName: t.exposeString('nativeName', { description: 'Its name in its own language.' }),
    acousticModelCount: t.int({
      description: 'How many acoustic models there are to choose from.',
      resolve: (locale, _, ctx) => countAcousticModels(ctx, locale),
    }),
    languageModelCount: t.int({
      description: 'How many language models there are to choose from.',
      resolve: (locale, _, ctx) => countLanguageModels(ctx, locale),
    }),
    deploymentCount: t.int({ description: 'How many deployments the workspace has.', resolve: (locale, _, ctx) => countLocaleDeployments(ctx, locale) }),
  }),
})

builder.queryField('locales', (t) =>
  t.field({
    type: [LocaleType],
    description: 'Every locale that can be deployed, by its code.',
    resolve: (_, __, ctx) => listLocales(ctx),
  }),
)
