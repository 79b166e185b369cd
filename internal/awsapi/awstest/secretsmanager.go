package awstest

import (
	"slices"
	"strings"
)

// SecretsManager answers as the service does, from a map of names to texts.
// Every secret has one version.
type SecretsManager map[string]string

// Handle is for NewServer.
func (m SecretsManager) Handle(r Request) Reply {
	switch r.Operation {
	case "GetSecretValue":
		value, ok := m[r.Text("SecretId")]
		if !ok {
			return Fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		return OK(SecretEntry(r.Text("SecretId"), value))
	case "BatchGetSecretValue":
		var values, errors []any
		for _, id := range r.Texts("SecretIdList") {
			if value, ok := m[id]; ok {
				values = append(values, SecretEntry(id, value))
			} else {
				errors = append(errors, map[string]any{"SecretId": id, "ErrorCode": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."})
			}
		}
		return OK(map[string]any{"SecretValues": values, "Errors": errors})
	case "ListSecrets":
		var list []any
		for name := range m {
			list = append(list, map[string]any{"Name": name})
		}
		return OK(map[string]any{"SecretList": list})
	}
	return Fail(400, "UnknownOperationException", "")
}

// SecretVersion is the VersionId of SecretEntry.
const SecretVersion = "11111111-1111-4111-8111-111111111111"

// SecretEntry is a current version as GetSecretValue and BatchGetSecretValue
// return it, of a secret that was asked for by its name, or by its ARN without
// the suffix that the service appends.
func SecretEntry(id, value string) map[string]any {
	arn, name := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"+id, id
	if strings.HasPrefix(id, "arn:") {
		arn, name = id, strings.SplitN(id, ":", 7)[6]
	}
	return map[string]any{
		"ARN":  arn + "-AbCdEf",
		"Name": name, "VersionId": SecretVersion, "VersionStages": []string{"AWSCURRENT"},
		"SecretString": value, "CreatedDate": 1700000000.25,
	}
}

// ParameterStore answers as the service does, from a map of names to texts.
// Every parameter has one version, 1, with the label "blue".
type ParameterStore map[string]string

// Handle is for NewServer.
func (m ParameterStore) Handle(r Request) Reply {
	switch r.Operation {
	case "GetParameter":
		p, ok := m.find(r.Text("Name"))
		if !ok {
			return Fail(400, "ParameterNotFound", "")
		}
		return OK(map[string]any{"Parameter": p})
	case "GetParameters":
		found, invalid := []any{}, []string{}
		for _, name := range r.Texts("Names") {
			if p, ok := m.find(name); ok {
				found = append(found, p)
			} else {
				invalid = append(invalid, name)
			}
		}
		return OK(map[string]any{"Parameters": found, "InvalidParameters": invalid})
	case "GetParametersByPath":
		found := []any{}
		for _, name := range m.names() {
			if key, ok := strings.CutPrefix(name, r.Text("Path")+"/"); ok && !strings.Contains(key, "/") {
				p, _ := m.find(name)
				found = append(found, p)
			}
		}
		return OK(map[string]any{"Parameters": found})
	case "DescribeParameters":
		found := []any{}
		for _, name := range m.names() {
			found = append(found, map[string]any{"Name": name})
		}
		return OK(map[string]any{"Parameters": found})
	}
	return Fail(400, "UnknownOperationException", "")
}

func (m ParameterStore) names() []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m ParameterStore) find(asked string) (map[string]any, bool) {
	name, selector, _ := strings.Cut(asked, ":")
	value, ok := m[name]
	if !ok || (selector != "" && selector != "1" && selector != "blue") {
		return nil, false
	}
	return Parameter(name, value, 1), true
}

// Parameter is a parameter as the service returns it.
func Parameter(name, value string, version int) map[string]any {
	return map[string]any{
		"ARN":  "arn:aws:ssm:eu-west-1:123456789012:parameter/" + strings.TrimPrefix(name, "/"),
		"Name": name, "Value": value, "Version": version, "Type": "SecureString", "LastModifiedDate": 1700000000.25,
	}
}
