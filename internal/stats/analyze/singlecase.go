package analyze

var singlecaseKinds = []kind{}
