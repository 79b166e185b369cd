package fake

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// awsRequest is what the calls are asked with, in the services' own spelling.
type awsRequest struct {
	SecretId     string
	SecretIdList []string
	Name         string
	Names        []string
}

// aws answers a call of Secrets Manager or of Parameter Store as the service
// does (JSON 1.1).
func (s *Server) aws(w http.ResponseWriter, operation string, in awsRequest, generation int) {
	switch operation {
	case "GetSecretValue":
		if missing(in.SecretId) {
			fail(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
			return
		}
		reply(w, secretEntry(in.SecretId, generation))
	case "DescribeSecret":
		id := versionID(generation)
		reply(w, map[string]any{
			"ARN": arn(in.SecretId), "Name": in.SecretId,
			"LastChangedDate":    epoch(generation),
			"VersionIdsToStages": map[string][]string{id: {"AWSCURRENT"}},
		})
	case "BatchGetSecretValue":
		values, errors := []any{}, []any{}
		if len(in.SecretIdList) > 20 {
			fail(w, "ValidationException", "at most 20 secrets")
			return
		}
		for _, id := range in.SecretIdList {
			if missing(id) {
				errors = append(errors, map[string]any{"SecretId": id, "ErrorCode": "ResourceNotFoundException"})
			} else {
				values = append(values, secretEntry(id, generation))
			}
		}
		reply(w, map[string]any{"SecretValues": values, "Errors": errors})
	case "GetParameter":
		if missing(in.Name) {
			fail(w, "ParameterNotFound", "")
			return
		}
		reply(w, map[string]any{"Parameter": parameter(in.Name, generation)})
	case "GetParameters":
		found, invalid := []any{}, []string{}
		if len(in.Names) > 10 {
			fail(w, "ValidationException", "at most 10 parameters")
			return
		}
		for _, name := range in.Names {
			if missing(name) {
				invalid = append(invalid, name)
			} else {
				found = append(found, parameter(name, generation))
			}
		}
		reply(w, map[string]any{"Parameters": found, "InvalidParameters": invalid})
	default:
		fail(w, "UnknownOperationException", operation)
	}
}

func arn(name string) string {
	return "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + name + "-AbCdEf"
}

// epoch is when a generation began.
func epoch(generation int) float64 {
	return float64(time.Date(2026, 1, 1, 0, 0, generation, 0, time.UTC).Unix())
}

func secretEntry(name string, generation int) map[string]any {
	return map[string]any{
		"ARN": arn(name), "Name": name, "VersionId": versionID(generation), "VersionStages": []string{"AWSCURRENT"},
		"SecretString": Value(name, generation), "CreatedDate": epoch(generation),
	}
}

func parameter(name string, generation int) map[string]any {
	return map[string]any{
		"Name": name, "Type": "SecureString", "Value": Value(strings.TrimPrefix(name, "/"), generation),
		"Version": generation + 1, "LastModifiedDate": epoch(generation), "DataType": "text",
		"ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter" + name,
	}
}

func fail(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"__type": code, "message": message})
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	_ = json.NewEncoder(w).Encode(body)
}
