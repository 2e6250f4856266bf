
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
    "CancelEvaluationResult": [
      "CancelEvaluationSuccess",
      "EvaluationNotFoundError",
      "EvaluationStatusConflictError",
      "NotAuthorizedError"
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
    "CompareEvaluationsResult": [
      "EvaluationComparison",
      "EvaluationNotFoundError",
      "EvaluationStatusConflictError",
      "TestSetMismatchError"
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
    "CreateEvaluationResult": [
      "CreateEvaluationSuccess",
      "DeploymentNotFoundError",
      "IdempotencyConflictError",
      "IncompatibleModelsError",
      "LicenseNotAcceptedError",
      "ModelNotFoundError",
      "ModelNotReadyError",
      "NotAuthorizedError",
      "QuotaExceededError",
      "TestSetNotFoundError",
      "TestSetNotReadyError",
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
    "CreateTestSetResult": [
      "CreateTestSetSuccess",
      "DiskQuotaExceededError",
      "DuplicateTestSetNameError",
      "IdempotencyConflictError",
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
    "DeleteEvaluationResult": [
      "DeleteEvaluationSuccess",
      "EvaluationNotFoundError",
      "NotAuthorizedError"
    ],
    "DeleteModelResult": [
      "DeleteModelSuccess",
      "ModelInUseError",
      "ModelNotFoundError",
      "NotAuthorizedError"
    ],
    "DeleteTestSetResult": [
      "DeleteTestSetSuccess",
      "NotAuthorizedError",
      "TestSetInUseError",
      "TestSetNotFoundError"
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
      "DuplicateTestSetNameError",
      "EvaluationNotFoundError",
      "EvaluationStatusConflictError",
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
      "TestSetInUseError",
      "TestSetMismatchError",
      "TestSetNotFoundError",
      "TestSetNotReadyError",
      "UploadNotFoundError",
      "ValidationError",
      "WorkspaceNotFoundError"
    ],
    "EvaluationStatusChangedResult": [
      "EvaluationNotFoundError",
      "EvaluationStatusChange"
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
      "Evaluation",
      "Key",
      "LanguageModel",
      "Revision",
      "Session",
      "TestSet",
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
      "TestSetNotFoundError",
      "TestSetNotReadyError",
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
    "TestSetStatusChangedResult": [
      "TestSetNotFoundError",
      "TestSetStatusChange"
    ],
    "UpdateDeploymentResult": [
      "DeploymentNotFoundError",
      "DuplicateDeploymentNameError",
      "NotAuthorizedError",
      "SequenceMismatchError",
      "UpdateDeploymentSuccess",
      "ValidationError"
    ],
    "UpdateGateResult": [
      "DeploymentNotFoundError",
      "NotAuthorizedError",
      "SequenceMismatchError",
      "TestSetNotFoundError",
      "TestSetNotReadyError",
      "UpdateGateSuccess",
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
    