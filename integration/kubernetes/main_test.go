// Package kubernetes_test holds the manifests under examples/kubernetes
// against Kubernetes' own types, and what they say to this library against
// the library.
package kubernetes_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	_ "github.com/go-secrets/secrets/all"
)

const examples = "../../examples/kubernetes"

// A manifest is one file, decoded.
type manifest struct {
	file    string
	objects []any
}

// kinds are the types that manifests may hold, by apiVersion and kind.
var kinds = map[string]func() any{
	"v1 Service":                                        func() any { return new(corev1.Service) },
	"v1 ServiceAccount":                                 func() any { return new(corev1.ServiceAccount) },
	"apps/v1 Deployment":                                func() any { return new(appsv1.Deployment) },
	"apps/v1 StatefulSet":                               func() any { return new(appsv1.StatefulSet) },
	"external-secrets.io/v1 SecretStore":                func() any { return new(secretStore) },
	"external-secrets.io/v1 ExternalSecret":             func() any { return new(externalSecret) },
	"secrets-store.csi.x-k8s.io/v1 SecretProviderClass": func() any { return new(secretProviderClass) },
}

var separator = regexp.MustCompile(`(?m)^---$`)

// decode reads a manifest. Unknown and doubled keys are errors, as they are
// for kubectl apply --validate=strict.
func decode(text []byte) ([]any, error) {
	var objects []any
	for _, part := range separator.Split(string(text), -1) {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(part), &head); err != nil {
			return nil, err
		}
		makeObject, ok := kinds[head.APIVersion+" "+head.Kind]
		if !ok {
			return nil, &unknownKindError{head.APIVersion, head.Kind}
		}
		object := makeObject()
		if err := yaml.UnmarshalStrict([]byte(part), object); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

type unknownKindError struct{ version, kind string }

func (e *unknownKindError) Error() string { return "no such kind: " + e.version + " " + e.kind }

// manifests returns every manifest of the examples.
func manifests(t *testing.T) []manifest {
	t.Helper()
	paths, err := filepath.Glob(examples + "/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []manifest
	for _, path := range paths {
		all = append(all, read(t, filepath.Base(path)))
	}
	return all
}

// read returns one manifest.
func read(t *testing.T, file string) manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, file))
	require.NoError(t, err)
	objects, err := decode(bytes.TrimSpace(text))
	require.NoError(t, err, file)
	return manifest{file: file, objects: objects}
}

// A workload is what runs pods.
type workload struct {
	name     string
	selector map[string]string
	template corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
}

func (m manifest) workloads() []workload {
	var all []workload
	for _, object := range m.objects {
		switch o := object.(type) {
		case *appsv1.Deployment:
			all = append(all, workload{o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template, nil})
		case *appsv1.StatefulSet:
			all = append(all, workload{o.Name, o.Spec.Selector.MatchLabels, o.Spec.Template, o.Spec.VolumeClaimTemplates})
		}
	}
	return all
}

// app returns the pod of the Deployment app.
func (m manifest) app(t *testing.T) corev1.PodTemplateSpec {
	t.Helper()
	for _, w := range m.workloads() {
		if w.name == "app" {
			return w.template
		}
	}
	require.Fail(t, "no Deployment app", m.file)
	return corev1.PodTemplateSpec{}
}

// variables are those that a container sets outright.
func variables(c corev1.Container) map[string]string {
	set := make(map[string]string)
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			set[v.Name] = v.Value
		}
	}
	return set
}
