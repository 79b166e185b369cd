package kubernetes_test

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// What the manifests use of the custom resources, as their definitions have
// it: a key that is not here is either misspelt or to be added.

// secretProviderClass is that of the Secrets Store CSI driver.
//
// https://secrets-store-csi-driver.sigs.k8s.io/concepts#secretproviderclass
type secretProviderClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Provider   string            `json:"provider"`
		Parameters map[string]string `json:"parameters"`
	} `json:"spec"`
}

// awsObject is one of the parameter objects of the driver's AWS provider.
//
// https://github.com/aws/secrets-store-csi-driver-provider-aws
type awsObject struct {
	ObjectName  string `json:"objectName"`
	ObjectType  string `json:"objectType"`
	ObjectAlias string `json:"objectAlias"`
}

// secretStore is that of the External Secrets operator.
//
// https://external-secrets.io/latest/api/secretstore/
type secretStore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Provider struct {
			AWS struct {
				Service string `json:"service"`
				Region  string `json:"region"`
				Auth    struct {
					JWT struct {
						ServiceAccountRef struct {
							Name string `json:"name"`
						} `json:"serviceAccountRef"`
					} `json:"jwt"`
				} `json:"auth"`
			} `json:"aws"`
		} `json:"provider"`
	} `json:"spec"`
}

// externalSecret is that of the External Secrets operator.
//
// https://external-secrets.io/latest/api/externalsecret/
type externalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		RefreshInterval metav1.Duration `json:"refreshInterval"`
		SecretStoreRef  struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"secretStoreRef"`
		Target struct {
			Name string `json:"name"`
		} `json:"target"`
		Data []struct {
			SecretKey string `json:"secretKey"`
			RemoteRef struct {
				Key      string `json:"key"`
				Property string `json:"property"`
			} `json:"remoteRef"`
		} `json:"data"`
	} `json:"spec"`
}
