import { builder } from './builder.ts'
import './scalar.ts'
import './model.ts'
import './key.ts'
import './deployment.ts'
import './deployment-action.ts'
import './status-change.ts'
import './error.ts'
import './locale.ts'
import './status.ts'
import './viewer.ts'
import './node.ts'

export const schema = builder.toSchema()
