// SPDX-License-Identifier: Apache-2.0

// Command http_hello answers every HTTP/1.1 request with 13 bytes of text.
//
//	http_hello GOMAXPROCS PORT
package main

import (
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
)

var hello = []byte("Hello, World!")

func main() {
	procs, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(procs)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header["Content-Type"] = []string{"text/plain"}
		header["Content-Length"] = []string{"13"}
		w.Write(hello)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[2], handler))
}
