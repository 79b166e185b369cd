package kubernetes_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

func TestAMisspeltKeyIsNoticed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"in a kind of Kubernetes": "apiVersion: v1\nkind: Service\nspec: {portz: []}",
		"of the wrong type":       "apiVersion: v1\nkind: Service\nspec: {ports: 3306}",
		"that comes twice":        "apiVersion: v1\nkind: Service\nspec: {}\nspec: {}",
		"in a custom resource":    "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nspec: {targett: {}}",
		"in the kind":             "apiVersion: apps/v1\nkind: Deploymnt",
		"in the version":          "apiVersion: apps/v2\nkind: Deployment",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode([]byte(text))
			assert.Error(t, err)
		})
	}
}

func TestWhatAManifestRefersToIsThere(t *testing.T) {
	t.Parallel()
	for _, m := range manifests(t) {
		accounts := make(map[string]bool)
		for _, object := range m.objects {
			if sa, ok := object.(*corev1.ServiceAccount); ok {
				accounts[sa.Name] = true
			}
		}
		require.NotEmpty(t, m.objects, m.file)
		for _, w := range m.workloads() {
			where := m.file + ", " + w.name
			assert.Empty(t, validation.IsDNS1123Label(w.name), where)
			require.NotEmpty(t, w.selector, where)
			for key, value := range w.selector {
				assert.Equal(t, value, w.template.Labels[key], "%s: the selector does not select its own pods", where)
			}
			if sa := w.template.Spec.ServiceAccountName; sa != "" {
				assert.True(t, accounts[sa], "%s: the ServiceAccount %s is not in the file", where, sa)
			}
			checkPod(t, where, w)
		}
	}
}

func checkPod(t *testing.T, where string, w workload) {
	t.Helper()
	volumes := make(map[string]bool)
	for _, v := range w.template.Spec.Volumes {
		assert.Empty(t, validation.IsDNS1123Label(v.Name), where)
		assert.NotZero(t, v.VolumeSource, "%s: the volume %s has no source", where, v.Name)
		volumes[v.Name] = true
	}
	for _, claim := range w.claims {
		volumes[claim.Name] = true
	}
	for key := range w.template.Annotations {
		assert.Empty(t, validation.IsQualifiedName(strings.ToLower(key)), where)
	}
	mounted := make(map[string]bool)
	for _, c := range append(w.template.Spec.InitContainers, w.template.Spec.Containers...) {
		assert.Empty(t, validation.IsDNS1123Label(c.Name), where)
		assert.NotEmpty(t, c.Image, where)
		for _, m := range c.VolumeMounts {
			assert.True(t, volumes[m.Name], "%s: no volume %s", where, m.Name)
			assert.Empty(t, m.SubPath, "%s: a file that is mounted with subPath never changes", where)
			mounted[m.Name] = true
		}
		seen := make(map[string]bool)
		for _, v := range c.Env {
			assert.Empty(t, validation.IsEnvVarName(v.Name), where)
			assert.False(t, seen[v.Name], "%s: %s is set twice", where, v.Name)
			seen[v.Name] = true
		}
		for _, p := range c.Ports {
			assert.Empty(t, validation.IsValidPortNum(int(p.ContainerPort)), where)
		}
	}
	for name := range volumes {
		assert.True(t, mounted[name], "%s: nothing mounts the volume %s", where, name)
	}
}

func TestThePasswordOfTheServerAndOfTheAppIsOneKeyOfOneSecret(t *testing.T) {
	t.Parallel()
	m := read(t, "secret-env.yaml")
	variable := make(map[string]string)
	for _, w := range m.workloads() {
		for _, v := range w.template.Spec.Containers[0].Env {
			if v.ValueFrom != nil {
				assert.Equal(t, "mysql-credentials", v.ValueFrom.SecretKeyRef.Name)
				assert.Equal(t, "root-password", v.ValueFrom.SecretKeyRef.Key)
				variable[w.name] = v.Name
			}
		}
	}
	assert.Equal(t, map[string]string{"mysql": "MYSQL_ROOT_PASSWORD", "app": "MYSQL_PASSWORD"}, variable)
}

func TestCustomResourcesFitWhatUsesThem(t *testing.T) {
	t.Parallel()
	t.Run("the volume of the CSI driver names the class of the file", func(t *testing.T) {
		t.Parallel()
		m := read(t, "csi.yaml")
		class := find[*secretProviderClass](t, m)
		volume := m.app(t).Spec.Volumes[0].CSI
		assert.Equal(t, "secrets-store.csi.k8s.io", volume.Driver)
		assert.Equal(t, class.Name, volume.VolumeAttributes["secretProviderClass"])
		assert.Equal(t, []awsObject{{ObjectName: "prod/mysql", ObjectType: "secretsmanager", ObjectAlias: "mysql"}}, objects(t, class))
	})
	t.Run("the operator makes the Secret that the other manifests read", func(t *testing.T) {
		t.Parallel()
		m := read(t, "external-secrets.yaml")
		store, secret := find[*secretStore](t, m), find[*externalSecret](t, m)
		assert.Equal(t, "SecretStore", secret.Spec.SecretStoreRef.Kind)
		assert.Equal(t, store.Name, secret.Spec.SecretStoreRef.Name)
		assert.Equal(t, "SecretsManager", store.Spec.Provider.AWS.Service)
		assert.Equal(t, find[*corev1.ServiceAccount](t, m).Name, store.Spec.Provider.AWS.Auth.JWT.ServiceAccountRef.Name)
		assert.Equal(t, "mysql-credentials", secret.Spec.Target.Name)
		require.Len(t, secret.Spec.Data, 1)
		assert.Equal(t, "root-password", secret.Spec.Data[0].SecretKey)
	})
}

// find returns the one object of a type.
func find[T any](t *testing.T, m manifest) T {
	t.Helper()
	for _, object := range m.objects {
		if o, ok := object.(T); ok {
			return o
		}
	}
	var none T
	require.Fail(t, "no such object", "%s: %T", m.file, none)
	return none
}

// objects returns what the AWS provider of the CSI driver is to mount.
func objects(t *testing.T, class *secretProviderClass) []awsObject {
	t.Helper()
	var list []awsObject
	require.NoError(t, yaml.UnmarshalStrict([]byte(class.Spec.Parameters["objects"]), &list))
	return list
}

func TestWhatTheGuideQuotesIsInAManifest(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/kubernetes.md")
	require.NoError(t, err)
	var all strings.Builder
	for _, m := range manifests(t) {
		text, err := os.ReadFile(filepath.Join(examples, m.file))
		require.NoError(t, err)
		all.Write(text)
		assert.Contains(t, string(guide), "(../examples/kubernetes/"+m.file+")", "no link to it")
	}
	lines := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		if strings.HasPrefix(block[1], "references:") {
			continue // of SECRETS_CONFIG
		}
		for line := range strings.Lines(block[1]) {
			lines++
			assert.Contains(t, all.String(), strings.TrimSpace(line))
		}
	}
	assert.Greater(t, lines, 30)
}
