package awsapi

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoHalfOfACredentialIsLeftWhereALongTextIsCut(t *testing.T) {
	t.Parallel()
	known := "a hidden token, with blanks " + strings.Repeat("z ", 20)
	h := newHidden()
	h.add(known)
	unknown := "Q7" + strings.Repeat("xY9", 120)
	for _, credential := range []string{known, unknown} {
		for at := longestText - len(credential) - 2; at <= longestText+2; at++ {
			for _, filler := range []string{"word ", "https://user:password@host "} { // what is left out makes room
				before := strings.Repeat(filler, at/len(filler)+1)[:at-1] + " "
				text := h.clean(before + credential + " and more" + strings.Repeat(" word", 1000))
				require.NotContains(t, text, credential[:4], "at %d", at)
				require.LessOrEqual(t, len(text), keptText+len("…"))
			}
		}
	}
}

func TestALongErrorIsCutAndStaysWhatItIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a word ", 1_000_000)
	err := newHidden().strip(&smithy.OperationError{ServiceID: "Secrets Manager", OperationName: "GetSecretValue", Err: &awshttp.ResponseError{
		RequestID:     long,
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400}}, Err: &types.ResourceNotFoundException{Message: &long}},
	}})
	assert.Less(t, len(err.Error()), 3*keptText)
	var typed *types.ResourceNotFoundException
	require.ErrorAs(t, err, &typed)
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation)
	assert.False(t, newHidden().dirty(err))
	assert.Less(t, len(newHidden().strip(errors.New(long)).Error()), 3*keptText)
	assert.Less(t, len(newHidden().strip(&smithy.GenericAPIError{Code: long, Message: long}).Error()), 3*keptText)
}
