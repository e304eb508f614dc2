{{- define "weir.operatorSubject" -}}
- kind: ServiceAccount
  name: {{ include "weir.operator" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What it reads and reports in the namespaces that it watches. */}}
{{- define "weir.watchRules" -}}
- apiGroups: [traefik.io]
  resources: [ingressroutes, serverstransports, traefikservices]
  verbs: [get, list, watch]
- apiGroups: [traefik.io]
  resources: [ingressroutes/status, serverstransports/status, traefikservices/status]
  verbs: [update]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
# all are watched by their metadata, those that are referred to are read
- apiGroups: [""]
  resources: [configmaps{{ if eq .Values.rbac.secrets.mode "All" }}, secrets{{ end }}]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
