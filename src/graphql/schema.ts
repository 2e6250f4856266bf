import { builder } from './builder.ts'
import './scalar.ts'
import './model.ts'
import './error.ts'
import './locale.ts'
import './deployment.ts'
import './status.ts'

export const schema = builder.toSchema()
