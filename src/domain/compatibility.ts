import type { ModelRow, Scenario } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { type IncompatibilityReason, IncompatibleModelsError } from './deployment-errors.ts'
import { listFittingModels } from './model.ts'

const scenarioNames: Record<Scenario, string> = {
  CONVERSATIONAL: 'Conversational',
  SEARCH_AND_DICTATION: 'Search and Dictation',
}

export interface Incompatibility {
  reason: IncompatibilityReason
  message: string
}

/** Models are compatible when both have the locale of the deployment and the same scenario. */
export function explainIncompatibility(locale: string, acoustic: ModelRow, language: ModelRow): Incompatibility | undefined {
  for (const model of [acoustic, language]) {
    if (model.locale !== locale) {
      return {
        reason: 'LOCALE_MISMATCH',
        message: `The ${model.kind.toLowerCase()} model "${model.name}" is for ${model.locale}, but the deployment is for ${locale}. Choose a model for ${locale}.`,
      }
    }
  }
  if (acoustic.scenario !== language.scenario) {
    return {
      reason: 'SCENARIO_MISMATCH',
      message: `The acoustic model "${acoustic.name}" is for ${scenarioNames[acoustic.scenario]}, but the language model "${language.name}" is for ${scenarioNames[language.scenario]}. Choose two models of the same scenario.`,
    }
  }
  return undefined
}

/** The error for incompatible models, with the models that are compatible with either of them; undefined when the models are compatible. */
export async function checkCompatibility(ctx: Context, locale: string, acoustic: ModelRow, language: ModelRow) {
  const incompatibility = explainIncompatibility(locale, acoustic, language)
  if (!incompatibility) return undefined
  const [compatibleAcousticModels, compatibleLanguageModels] = await Promise.all([
    listFittingModels(ctx, 'ACOUSTIC', { locale, scenario: language.scenario }),
    listFittingModels(ctx, 'LANGUAGE', { locale, scenario: acoustic.scenario }),
  ])
  return new IncompatibleModelsError(incompatibility.message, {
    reason: incompatibility.reason,
    acousticModel: acoustic,
    languageModel: language,
    compatibleAcousticModels,
    compatibleLanguageModels,
  })
}
