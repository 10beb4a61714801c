package analyze

var metaKinds = []kind{}
