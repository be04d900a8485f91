{{/* Entry of a service with the defaults under it. Call with (list $ "mitigation"). */}}
{{- define "platform.service" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy (index $root.Values.services $name)) | toYaml -}}
{{- end -}}

{{- define "platform.fullname" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- printf "%s-%s" $root.Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "platform.selector" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
app.kubernetes.io/name: {{ $name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{- define "platform.labels" -}}
{{ include "platform.selector" . }}
app.kubernetes.io/part-of: platform
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ default (index . 0).Chart.AppVersion (index . 0).Values.image.tag | splitList "@" | first | trunc 63 | quote }}
{{- end -}}

{{/* Call with (list $ "mitigation" "") or, as the last, the whole reference where one is given. */}}
{{- define "platform.image" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $image := index . 2 | default (printf "%s%s:%s" $root.Values.image.prefix $name (default $root.Chart.AppVersion $root.Values.image.tag)) -}}
{{- if or (hasSuffix ":latest" $image) (not (regexMatch "[:@][^/]+$" $image)) -}}
{{- fail (printf "image of %s: '%s' names a different program every day. Give it the version that you tested." $name $image) -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{/* What every container of ours may do: nothing. */}}
{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What every pod of ours has in common; `restricted` of the pod security standards. */}}
{{- define "platform.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 64198
  runAsGroup: 64198
  fsGroup: 64198
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A TimeSpan of so many seconds. */}}
{{- define "platform.seconds" -}}
{{- printf "%02d:%02d:%02d" (div . 3600) (mod (div . 60) 60) (mod . 60) -}}
{{- end -}}

{{/* Logs, traces and whom to trust: for services and agents alike. */}}
{{- define "platform.telling" -}}
{{- if .Values.logging.json }}
- {name: Logging__Console__FormatterName, value: json}
- {name: Logging__Console__FormatterOptions__IncludeScopes, value: "true"}
{{- end }}
{{- with .Values.telemetry.otlp }}
- {name: Telemetry__Otlp, value: {{ . | quote }}}
- {name: Telemetry__TraceRatio, value: {{ $.Values.telemetry.traceRatio | quote }}}
{{- end }}
{{- if .Values.trust.existingSecret }}
- {name: SSL_CERT_FILE, value: /etc/platform/trust/ca.crt}
{{- end }}
{{- end -}}

{{/* Environment of a service: addresses, secrets by reference, its own settings. */}}
{{- define "platform.env" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $service := index . 2 -}}
{{- $linger := int $service.lingerSeconds -}}
{{- $listen := $root.Values.network.listen -}}
- {name: Listen__Health, value: "{{ $listen }}:8081"}
- {name: Stop__Linger, value: {{ include "platform.seconds" $linger | quote }}}
- {name: Stop__Within, value: {{ include "platform.seconds" (sub (sub (int $service.terminationGracePeriodSeconds) $linger) 5) | quote }}}
{{- include "platform.telling" $root }}
{{- if $service.grpc }}
- {name: Listen__Grpc, value: "{{ $listen }}:8080"}
{{- end }}
{{- if $service.public }}
- {name: Listen__Public, value: "{{ $listen }}:8000"}
{{- range $index, $network := $root.Values.ingress.trustedProxies }}
- {name: Access__TrustedProxies__{{ $index }}, value: {{ $network | quote }}}
{{- end }}
- {name: Caller__SigningKeyFile, value: /etc/platform/caller/signing.pem}
{{- end }}
- {name: Caller__VerificationKeyFile, value: /etc/platform/caller/verification.pem}
{{- with $service.udp }}
- {name: Flows__Listen, value: "{{ $listen }}:{{ .port }}"}
{{- end }}
{{- if $service.database }}
- name: ConnectionStrings__Postgres
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.postgres.existingSecret }}, key: {{ $name }}}
{{- end }}
{{- if $service.seals }}
- {name: Sealing__KeyFile, value: /etc/platform/sealing/keys}
{{- end }}
{{- if $service.broker }}
- {name: RabbitMq__Host, value: {{ $root.Values.rabbitmq.host | quote }}}
- {name: RabbitMq__Port, value: {{ $root.Values.rabbitmq.port | quote }}}
- {name: RabbitMq__VirtualHost, value: {{ $root.Values.rabbitmq.virtualHost | quote }}}
- {name: RabbitMq__User, value: {{ $name }}}
{{- if $root.Values.rabbitmq.tls }}
- {name: RabbitMq__Tls, value: "true"}
{{- end }}
- name: RabbitMq__Password
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.rabbitmq.existingSecret }}, key: {{ $name }}}
{{- end }}
{{- if and (eq $name "accounts") $root.Values.firstOperator.existingSecret }}
- name: Accounts__FirstOperator__Email
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.firstOperator.existingSecret }}, key: email}
- name: Accounts__FirstOperator__Password
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.firstOperator.existingSecret }}, key: password}
{{- end }}
{{- if eq $name "mitigation" }}
{{- range $index, $agent := $root.Values.scrubbers.agents }}
- {name: Scrubbers__Agents__{{ $index }}__Name, value: {{ $agent.name | quote }}}
- {name: Scrubbers__Agents__{{ $index }}__Location, value: {{ $agent.location | default "JP" | quote }}}
- name: Scrubbers__Agents__{{ $index }}__Token
  valueFrom:
    secretKeyRef: {name: {{ $root.Values.scrubbers.existingSecret }}, key: {{ $agent.name }}}
{{- end }}
{{- end }}
{{- range $called := $service.calls }}
- {name: Services__{{ $called | title }}, value: "http://{{ include "platform.fullname" (list $root $called) }}:8080"}
{{- end }}
{{- if $service.claim }}
- {name: Session__KeyFolder, value: /var/lib/platform}
{{- end }}
{{- range $key, $value := $service.settings }}
- {name: {{ $key }}, value: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value | toJson | quote }}{{ end }}} {{- /* a million is no 1e+06 */}}
{{- end }}
{{- end -}}

{{- define "platform.mounts" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}
- {name: caller, mountPath: /etc/platform/caller, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if $root.Values.trust.existingSecret }}
- {name: trust, mountPath: /etc/platform/trust, readOnly: true}
{{- end }}
{{- if $service.seals }}
- {name: sealing, mountPath: /etc/platform/sealing, readOnly: true}
{{- end }}
{{- if $service.claim }}
- {name: state, mountPath: /var/lib/platform}
{{- end }}
{{- end -}}

{{- define "platform.volumes" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}
- name: caller
  secret:
    secretName: {{ $root.Values.caller.existingSecret }}
    items:
      - {key: verification.pem, path: verification.pem}
      {{- if $service.public }}
      - {key: signing.pem, path: signing.pem}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with $root.Values.trust.existingSecret }}
- name: trust
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if $service.seals }}
- name: sealing
  secret: {secretName: {{ $root.Values.sealing.existingSecret }}}
{{- end }}
{{- if $service.claim }}
- name: state
  persistentVolumeClaim: {claimName: {{ $service.claim }}}
{{- end }}
{{- end -}}

{{- define "platform.families" -}}
{{- with .Values.network.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- end -}}

{{/* Port of the collector, for the network policies. */}}
{{- define "platform.otlpPort" -}}
{{- $url := urlParse .Values.telemetry.otlp -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}

{{/* The API of a kind where the cluster has it (by kind, or by its version where nobody asked the cluster), else the one before. */}}
{{- define "platform.api" -}}
{{- $root := index . 0 -}}
{{- if or ($root.Capabilities.APIVersions.Has (index . 1)) (semverCompare (index . 2) $root.Capabilities.KubeVersion.Version) -}}
{{ dir (index . 1) }}
{{- else -}}
{{ index . 3 }}
{{- end -}}
{{- end -}}
