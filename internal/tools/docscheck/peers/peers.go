// Package peers imports what the pages show of other libraries, which those
// who come from there have in their code, so that these blocks compile, too.
package peers

import (
	_ "github.com/go-viper/mapstructure/v2"
	_ "github.com/kelseyhightower/envconfig"
	_ "github.com/knadh/koanf/v2"
	_ "github.com/spf13/viper"
	_ "gocloud.dev/runtimevar"
)
