{{/* The proxy's container without its probes; the helm test runs the same. */}}
{{- define "weir.proxyContainer" -}}
image: {{ include "weir.image" (list . "proxy") | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "weir.proxyFlags" . | nindent 2 }}
ports:
  {{- range .Values.entryPoints }}
  - name: {{ .name }}
    containerPort: {{ int64 .port }}
    {{- with .hostPort }}
    hostPort: {{ int64 . }}
    {{- end }}
  {{- end }}
  - name: admin
    containerPort: 9000
volumeMounts:
  - name: config
    mountPath: /etc/weir
    readOnly: true
securityContext:
  {{- include "weir.containerSecurity" . | nindent 2 }}
{{- end }}
