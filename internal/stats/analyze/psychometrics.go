package analyze

var psychometricsKinds = []kind{}
