
      export interface PossibleTypesResultData {
        possibleTypes: {
          [key: string]: string[]
        }
      }
      const result: PossibleTypesResultData = {
  "possibleTypes": {
    "CancelDeploymentResult": [
      "CancelDeploymentSuccess",
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "StatusConflictError"
    ],
    "CreateDeploymentResult": [
      "CreateDeploymentSuccess",
      "DuplicateDeploymentNameError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "ModelNotFoundError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "ValidationError"
    ],
    "CreateKeyResult": [
      "CreateKeySuccess",
      "NotAuthorizedError",
      "QuotaExceededError",
      "ValidationError"
    ],
    "CreateWorkspaceResult": [
      "CreateWorkspaceSuccess",
      "NotAuthorizedError",
      "ValidationError"
    ],
    "DeleteDeploymentResult": [
      "DeleteDeploymentSuccess",
      "DeploymentNotFoundError",
      "NotAuthorizedError"
    ],
    "DeploymentProblem": [
      "DuplicateDeploymentNameError",
      "IncompatibleModelsError",
      "ModelNotFoundError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "ValidationError"
    ],
    "DeploymentStatusChangedResult": [
      "DeploymentNotFoundError",
      "DeploymentStatusChange",
      "InvalidCursorError"
    ],
    "Error": [
      "DeploymentNotFoundError",
      "DuplicateDeploymentNameError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "InvalidCursorError",
      "KeyNotFoundError",
      "ModelNotFoundError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "SequenceMismatchError",
      "StatusConflictError",
      "ValidationError"
    ],
    "Model": [
      "AcousticModel",
      "LanguageModel"
    ],
    "Node": [
      "AcousticModel",
      "Deployment",
      "Key",
      "LanguageModel",
      "Workspace"
    ],
    "RetryDeploymentResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "RetryDeploymentSuccess",
      "StatusConflictError"
    ],
    "RevokeKeyResult": [
      "KeyNotFoundError",
      "NotAuthorizedError",
      "RevokeKeySuccess"
    ],
    "UpdateDeploymentResult": [
      "DeploymentNotFoundError",
      "DuplicateDeploymentNameError",
      "NotAuthorizedError",
      "SequenceMismatchError",
      "UpdateDeploymentSuccess",
      "ValidationError"
    ]
  }
};
      export default result;
    