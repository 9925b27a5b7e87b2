// Stands in for gitleaks' own validation of its rules (cmd/generate/config/utils): it writes every sample down as a JSON line, with what the
// rule, and all rules together, find in it.
package utils

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/zricethezav/gitleaks/v8/cmd/generate/config/base"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

type sample struct {
	Rule    string   `json:"rule"`
	Text    string   `json:"text"`
	Secret  bool     `json:"secret"`
	Secrets []string `json:"secrets"`
	All     []string `json:"all"`
}

var all, _ = detect.NewDetectorDefaultConfig()

func found(detector *detect.Detector, text string) []string {
	secrets := []string{}
	for _, finding := range detector.DetectString(text) {
		secrets = append(secrets, finding.Secret)
	}
	return secrets
}

func alone(rule config.Rule) *detect.Detector {
	keywords := map[string]struct{}{}
	lower := []string{}
	for _, keyword := range rule.Keywords {
		keywords[strings.ToLower(keyword)] = struct{}{}
		lower = append(lower, strings.ToLower(keyword))
	}
	rule.Keywords = lower
	settings := base.CreateGlobalConfig()
	settings.Rules = map[string]config.Rule{rule.RuleID: rule}
	settings.Keywords = keywords
	for _, list := range settings.Allowlists {
		if err := list.Validate(); err != nil {
			panic(err)
		}
	}
	return detect.NewDetector(settings)
}

func write(rule config.Rule, texts []string, secret bool) {
	file, err := os.OpenFile(os.Getenv("AEGIS_SAMPLES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	own := alone(rule)
	for _, text := range texts {
		if err := json.NewEncoder(file).Encode(sample{rule.RuleID, text, secret, found(own, text), found(all, text)}); err != nil {
			panic(err)
		}
	}
}

func Validate(rule config.Rule, truePositives []string, falsePositives []string) *config.Rule {
	write(rule, truePositives, true)
	write(rule, falsePositives, false)
	return &rule
}

// ValidateWithPaths is for rules that need a file's name, which a text has none of.
func ValidateWithPaths(rule config.Rule, _ map[string]string, _ map[string]string) *config.Rule {
	return &rule
}
