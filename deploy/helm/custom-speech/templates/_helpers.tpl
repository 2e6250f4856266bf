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

{{- define "custom-speech.databaseEnv" -}}
- name: DATABASE_URL_FILE
  value: /secrets/database/url
{{- end }}

{{- define "custom-speech.secretEnv" -}}
{{ include "custom-speech.databaseEnv" . }}
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: BOOTSTRAP_KEY_FILE
  value: /secrets/bootstrap/key
{{- end }}
{{- if .Values.objectStore.existingSecret }}
- name: AWS_ACCESS_KEY_ID_FILE
  value: /secrets/object-store/access-key-id
- name: AWS_SECRET_ACCESS_KEY_FILE
  value: /secrets/object-store/secret-access-key
{{- end }}
{{- end }}

{{- define "custom-speech.databaseMounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
- name: database
  mountPath: /secrets/database
  readOnly: true
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "custom-speech.mounts" -}}
{{ include "custom-speech.databaseMounts" . }}
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: bootstrap
  mountPath: /secrets/bootstrap
  readOnly: true
{{- end }}
{{- if .Values.objectStore.existingSecret }}
- name: object-store
  mountPath: /secrets/object-store
  readOnly: true
{{- end }}
{{- end }}

{{- define "custom-speech.databaseVolumes" -}}
- name: tmp
  emptyDir: {}
- name: database
  secret:
    secretName: {{ include "custom-speech.databaseSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.database.key }}
        path: url
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "custom-speech.volumes" -}}
{{ include "custom-speech.databaseVolumes" . }}
{{- if or .Values.bootstrapKey.existingSecret .Values.bootstrapKey.value }}
- name: bootstrap
  secret:
    secretName: {{ include "custom-speech.bootstrapSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.bootstrapKey.key }}
        path: key
{{- end }}
{{- if .Values.objectStore.existingSecret }}
- name: object-store
  secret:
    secretName: {{ .Values.objectStore.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.objectStore.accessKeyId }}
        path: access-key-id
      - key: {{ .Values.objectStore.secretAccessKey }}
        path: secret-access-key
{{- end }}
{{- end }}
