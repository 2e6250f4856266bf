{{- define "custom-speech.name" -}}
{{ printf "%s-custom-speech" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "custom-speech.selector" -}}
app.kubernetes.io/name: custom-speech
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "custom-speech.labels" -}}
{{ include "custom-speech.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "custom-speech.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{- define "custom-speech.databaseSecret" -}}
{{ default (printf "%s-database" (include "custom-speech.name" .)) .Values.database.existingSecret }}
{{- end }}

{{- define "custom-speech.bootstrapSecret" -}}
{{ default (printf "%s-bootstrap" (include "custom-speech.name" .)) .Values.bootstrapKey.existingSecret }}
{{- end }}

{{- define "custom-speech.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "custom-speech.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "custom-speech.secretEnv" -}}
- name: DATABASE_URL_FILE
  value: /secrets/database/url
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: BOOTSTRAP_KEY_FILE
  value: /secrets/bootstrap/key
{{- end }}
{{- end }}

{{- define "custom-speech.mounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
- name: database
  mountPath: /secrets/database
  readOnly: true
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: bootstrap
  mountPath: /secrets/bootstrap
  readOnly: true
{{- end }}
{{- end }}

{{- define "custom-speech.volumes" -}}
- name: tmp
  emptyDir: {}
- name: database
  secret:
    secretName: {{ include "custom-speech.databaseSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.database.key }}
        path: url
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: bootstrap
  secret:
    secretName: {{ include "custom-speech.bootstrapSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.bootstrapKey.key }}
        path: key
{{- end }}
{{- end }}
