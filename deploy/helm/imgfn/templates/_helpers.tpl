{{- define "imgfn.name" -}}
{{- $own := ternary .Release.Name (printf "%s-imgfn" .Release.Name) (contains "imgfn" .Release.Name) -}}
{{ $own | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "imgfn.selector" -}}
app.kubernetes.io/name: imgfn
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "imgfn.labels" -}}
{{ include "imgfn.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* dict "root" $ "canary" bool: the image of one track */}}
{{- define "imgfn.image" -}}
{{- $v := .root.Values -}}
{{- $tag := ternary $v.canary.tag $v.image.tag .canary | default .root.Chart.AppVersion -}}
{{ $v.image.repository }}{{ if and $v.image.digest (not .canary) }}@{{ $v.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* What all pods have in common. */}}
{{- define "imgfn.pod" -}}
{{- $v := .Values -}}
serviceAccountName: {{ include "imgfn.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false # a Service called imgfn would set IMGFN_PORT=tcp://…
terminationGracePeriodSeconds: {{ $v.stop.graceSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with $v.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* dict "root" $ "renderers" int: what all containers have in common */}}
{{- define "imgfn.container" -}}
{{- $v := .root.Values -}}
imagePullPolicy: {{ $v.image.pullPolicy }}
envFrom:
  - configMapRef: {name: {{ include "imgfn.name" .root }}}
env:
  - {name: IMGFN_RENDER_PROCESSES, value: {{ .renderers | quote }}}
  {{- range $v.secret.keys }}
  - {name: IMGFN_{{ upper . }}_FILE, value: /run/secrets/imgfn/{{ . }}}
  {{- end }}
  {{- with .queue }}
  - {name: IMGFN_RENDER_QUEUE, value: {{ . | quote }}}
  {{- end }}
  {{- with $v.extraEnv }}{{ toYaml . | nindent 2 }}{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: run, mountPath: /runtime}
  - {name: tmp, mountPath: /tmp}
  - {name: files, mountPath: /etc/imgfn, readOnly: true}
  {{- if $v.secret.keys }}
  - {name: secret, mountPath: /run/secrets/imgfn, readOnly: true}
  {{- end }}
  {{- if $v.flows.enabled }}
  - {name: journal, mountPath: /var/lib/imgfn-flows}
  {{- end }}
{{- end }}

{{- define "imgfn.volumes" -}}
{{- $v := .Values -}}
- {name: run, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: {{ $v.tmpSize }}}}
- name: files
  configMap: {name: {{ include "imgfn.name" . }}-files}
{{- if $v.secret.keys }}
- name: secret
  secret: {secretName: {{ $v.secret.name }}, defaultMode: 0440}
{{- end }}
{{- if $v.flows.enabled }}
- {name: journal, emptyDir: {sizeLimit: {{ $v.flows.journalSize }}}}
{{- end }}
{{- end }}

{{/*
dict "root" $ "canary" bool "port" int: the container that works on flows. It shares the folder of sockets with the server, which
shows its runs; a queue of its own size gives it renderers of its own, within its own limits.
*/}}
{{- define "imgfn.worker" -}}
{{- $v := .root.Values -}}
- name: worker
  image: {{ include "imgfn.image" . }}
  args: [work{{ with .port }}, --metrics-port, "{{ . }}"{{ end }}]
  {{- include "imgfn.container" (dict "root" .root "renderers" $v.worker.renderers "queue" (add1 $v.worker.renderers)) | nindent 2 }}
  resources: {{- toYaml $v.worker.resources | nindent 4 }}
{{- end }}
