package gcp

import (
	"fmt"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// denied says which of the reasons for PERMISSION_DENIED it is. Reasons are
// those of https://cloud.google.com/apis/docs/reference/rest/google.api.ErrorReason.
// The project that a call is charged to, the consumer, need not be that of the
// secret: it is the quota project, or the one of the credentials.
func denied(e *fault.Error, a reply, at place, permission string) {
	e.Class = secrets.ErrPermission
	where := at.describe(permission)
	var reason, consumer, service string
	if a.sdk != nil {
		details := a.sdk.Metadata()
		reason, service = a.sdk.Reason(), details["service"]
		consumer = strings.TrimPrefix(details["consumer"], "projects/")
	}
	if !validProject(consumer) {
		consumer = ""
	}
	if service == "" || !hostname.MatchString(service) {
		service = globalHost
	}
	charged := "the project that the call is charged to"
	if consumer != "" {
		charged += ", " + consumer + ","
	}
	switch reason {
	case "", "IAM_PERMISSION_DENIED":
		e.Missing = permission
		e.Msg = fmt.Sprintf("%s: %s is missing, or there is no such thing; grant %s", where, permission, roles[permission])
	case "SERVICE_DISABLED":
		project := consumer
		if project == "" {
			project = at.project
		}
		e.Msg = fmt.Sprintf("%s: %s has the API not enabled (SERVICE_DISABLED); it is the quota project or the credentials' own: run gcloud services enable %s --project %s, or set ?quota_project=", where, charged, service, project)
	case "BILLING_DISABLED":
		e.Msg = where + ": " + charged + " has billing not enabled (BILLING_DISABLED)"
	case "CONSUMER_INVALID", "CONSUMER_SUSPENDED":
		e.Msg = where + ": " + charged + " does not exist, was deleted or is suspended (" + reason + "); it is the quota project (?quota_project=, GOOGLE_CLOUD_QUOTA_PROJECT, quota_project_id of the credentials) or the credentials' own"
	case "USER_PROJECT_DENIED":
		e.Missing = "serviceusage.services.use"
		e.Msg = where + ": " + charged + " may not be charged by this account (USER_PROJECT_DENIED); grant roles/serviceusage.serviceUsageConsumer on it, or set ?quota_project="
	case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
		e.Msg = where + ": the credentials lack the scope https://www.googleapis.com/auth/cloud-platform (ACCESS_TOKEN_SCOPE_INSUFFICIENT); give the instance that scope"
	case "SECURITY_POLICY_VIOLATED":
		e.Msg = sentence(where+": refused by VPC Service Controls (SECURITY_POLICY_VIOLATED)", a.text)
	default:
		e.Msg = sentence(where+": refused", a.withReason())
	}
}

// describe says what a call with a permission was about.
func (at place) describe(permission string) string {
	switch permission {
	case permListSecrets:
		return "list of secrets in " + at.parent()
	case permListVersions:
		return "list of versions of " + at.String()
	}
	return at.String()
}
