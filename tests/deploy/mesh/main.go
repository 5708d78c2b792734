// Reads a part of Istio's MeshConfig as Istio does, which knows no fields but its own.
//
//	mesh FILE
package main

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	mesh "istio.io/api/mesh/v1alpha1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := read(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	json, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	var config mesh.MeshConfig
	if err := protojson.Unmarshal(json, &config); err != nil {
		return err
	}
	for _, provider := range config.ExtensionProviders {
		asked := provider.GetEnvoyExtAuthzGrpc()
		fmt.Println(provider.Name, asked.Service, asked.Port, asked.FailOpen, asked.StatusOnError)
	}
	return nil
}
