
      export interface PossibleTypesResultData {
        possibleTypes: {
          [key: string]: string[]
        }
      }
      const result: PossibleTypesResultData = {
  "possibleTypes": {
    "AcceptLicenseResult": [
      "AcceptLicenseSuccess",
      "ModelNotFoundError",
      "NotAuthorizedError"
    ],
    "CancelDeploymentResult": [
      "CancelDeploymentSuccess",
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "StatusConflictError"
    ],
    "CancelModelResult": [
      "CancelModelSuccess",
      "ModelNotFoundError",
      "ModelStatusConflictError",
      "NotAuthorizedError"
    ],
    "CancelRedeploymentResult": [
      "CancelRedeploymentSuccess",
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "RevisionNotFoundError"
    ],
    "CreateAcousticModelResult": [
      "CreateAcousticModelSuccess",
      "DiskQuotaExceededError",
      "DuplicateModelNameError",
      "IdempotencyConflictError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "UploadNotFoundError",
      "ValidationError"
    ],
    "CreateDeploymentResult": [
      "CreateDeploymentSuccess",
      "DuplicateDeploymentNameError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "ModelNotReadyError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "ValidationError"
    ],
    "CreateKeyResult": [
      "CreateKeySuccess",
      "IdempotencyConflictError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "ValidationError",
      "WorkspaceNotFoundError"
    ],
    "CreateLanguageModelResult": [
      "CreateLanguageModelSuccess",
      "DiskQuotaExceededError",
      "DuplicateModelNameError",
      "IdempotencyConflictError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "UploadNotFoundError",
      "ValidationError"
    ],
    "CreateWorkspaceResult": [
      "CreateWorkspaceSuccess",
      "IdempotencyConflictError",
      "NotAuthorizedError",
      "ValidationError"
    ],
    "DeleteDeploymentResult": [
      "DeleteDeploymentSuccess",
      "DeploymentNotFoundError",
      "NotAuthorizedError"
    ],
    "DeleteModelResult": [
      "DeleteModelSuccess",
      "ModelInUseError",
      "ModelNotFoundError",
      "NotAuthorizedError"
    ],
    "DeleteUploadResult": [
      "DeleteUploadSuccess",
      "NotAuthorizedError",
      "UploadNotFoundError"
    ],
    "DeploymentProblem": [
      "DuplicateDeploymentNameError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "ModelNotReadyError",
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
      "DiskQuotaExceededError",
      "DuplicateDeploymentNameError",
      "DuplicateModelNameError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "InvalidCursorError",
      "KeyConfiguredError",
      "KeyNotFoundError",
      "LastManageKeyError",
      "LicenseNotAcceptedError",
      "ModelInUseError",
      "ModelNotFoundError",
      "ModelNotReadyError",
      "ModelSequenceMismatchError",
      "ModelStatusConflictError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "RedeploymentInProgressError",
      "RevisionNotFoundError",
      "RevisionNotProvedError",
      "SequenceMismatchError",
      "SessionNotFoundError",
      "StatusConflictError",
      "UploadNotFoundError",
      "ValidationError",
      "WorkspaceNotFoundError"
    ],
    "Model": [
      "AcousticModel",
      "LanguageModel"
    ],
    "ModelStatusChangedResult": [
      "InvalidCursorError",
      "ModelNotFoundError",
      "ModelStatusChange"
    ],
    "Node": [
      "AcousticModel",
      "Deployment",
      "Key",
      "LanguageModel",
      "Revision",
      "Session",
      "Upload",
      "Workspace"
    ],
    "PromoteRevisionResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "PromoteRevisionSuccess",
      "RevisionNotFoundError",
      "RevisionNotProvedError",
      "SequenceMismatchError",
      "StatusConflictError"
    ],
    "RedeployDeploymentResult": [
      "DeploymentNotFoundError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "ModelNotReadyError",
      "NotAuthorizedError",
      "RedeployDeploymentSuccess",
      "RedeploymentInProgressError",
      "SequenceMismatchError",
      "StatusConflictError",
      "ValidationError"
    ],
    "RestoreDeploymentResult": [
      "DeploymentNotFoundError",
      "DuplicateDeploymentNameError",
      "IncompatibleModelsError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "ModelNotReadyError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "RestoreDeploymentSuccess"
    ],
    "ResumeDeploymentResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "ResumeDeploymentSuccess",
      "StatusConflictError"
    ],
    "RetryDeploymentResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "RetryDeploymentSuccess",
      "StatusConflictError"
    ],
    "RetryModelResult": [
      "ModelNotFoundError",
      "ModelStatusConflictError",
      "NotAuthorizedError",
      "RetryModelSuccess"
    ],
    "RevokeKeyResult": [
      "KeyConfiguredError",
      "KeyNotFoundError",
      "LastManageKeyError",
      "NotAuthorizedError",
      "RevokeKeySuccess"
    ],
    "RevokeSessionResult": [
      "NotAuthorizedError",
      "RevokeSessionSuccess",
      "SessionNotFoundError"
    ],
    "RollbackDeploymentResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "RevisionNotFoundError",
      "RevisionNotProvedError",
      "RollbackDeploymentSuccess",
      "SequenceMismatchError",
      "StatusConflictError",
      "ValidationError"
    ],
    "SuspendDeploymentResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "StatusConflictError",
      "SuspendDeploymentSuccess"
    ],
    "UpdateDeploymentResult": [
      "DeploymentNotFoundError",
      "DuplicateDeploymentNameError",
      "NotAuthorizedError",
      "SequenceMismatchError",
      "UpdateDeploymentSuccess",
      "ValidationError"
    ],
    "UpdateModelResult": [
      "DuplicateModelNameError",
      "ModelNotFoundError",
      "ModelSequenceMismatchError",
      "NotAuthorizedError",
      "UpdateModelSuccess",
      "ValidationError"
    ],
    "UpdateTrialResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "RevisionNotFoundError",
      "UpdateTrialSuccess",
      "ValidationError"
    ]
  }
};
      export default result;
    