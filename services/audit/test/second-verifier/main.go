// Command second-verifier reads a tenant's log as C2SP tlog-tiles serves it and checks it with Go's own sumdb packages. It shares no code
// with the ledger: notes are opened by sumdb/note, tiles are authenticated and proofs made and checked by sumdb/tlog.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	cosigned "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type log struct{ url, token string }

func main() {
	// Usage: second-verifier <log url> <vkey> [older checkpoint file...]; TOKEN is the bearer token, WITNESS a witness' vkey.
	l := &log{url: os.Args[1], token: os.Getenv("TOKEN")}
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	signed, err := l.get("checkpoint")
	check(err)
	tree := open(signed, verifier)
	witnessed := 0
	if vkey := os.Getenv("WITNESS"); vkey != "" {
		witness, err := cosigned.NewVerifierForCosignatureV1(vkey)
		check(err)
		opened, err := note.Open(signed, note.VerifierList(verifier, witness))
		check(err)
		witnessed = len(opened.Sigs) - 1
	}
	reader := tlog.TileHashReader(tree, l)
	consistent := 0
	for _, file := range os.Args[3:] {
		older, err := os.ReadFile(file)
		check(err)
		before := open(older, verifier)
		proof, err := tlog.ProveTree(tree.N, before.N, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
		consistent++
	}
	entries, err := l.entries(tree.N)
	check(err)
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)))
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"size": tree.N, "included": len(entries), "consistent": consistent, "witnessed": witnessed}))
}

// open checks a note's signature and reads the C2SP checkpoint in it: origin, size, root, extension lines.
func open(signed []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	if len(root) != tlog.HashSize {
		fail("a root of %d bytes", len(root))
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func (l *log) Height() int { return 8 }

func (l *log) SaveTiles([]tlog.Tile, [][]byte) {}

func (l *log) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// Go writes the height into the path, C2SP leaves it out: it is always 8.
		data, err := l.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// entries reads every entry bundle: each entry after its length, a big-endian uint16.
func (l *log) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: 8, L: 0, N: n, W: int(min(256, size-n*256))}
		data, err := l.get(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+(int(data[0])<<8|int(data[1])) {
				return nil, fmt.Errorf("bundle %d is cut short", n)
			}
			length := int(data[0])<<8 | int(data[1])
			all, data = append(all, data[2:2+length]), data[2+length:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries for a tree of %d", len(all), size)
	}
	return all, nil
}

func (l *log) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", l.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return data, err
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(5)
}
