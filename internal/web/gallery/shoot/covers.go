package main

import (
	"context"
	"fmt"
	"os"

	"github.com/chromedp/chromedp"

	"afterglow/internal/web/gallery/chromium"
)

// cover is a picture of the README: the top of a page of the demo, as the person who
// enters by a door of its start page sees it.
type cover struct {
	file   string
	door   string
	page   string
	height int64
}

const coverWidth = 1080

var covers = []cover{
	{"docs/clinic.png", "clinician", "/patients", 760},
	{"docs/finding.png", "researcher", "/research/studies/simulated-clinic?group=setting", 1000},
}

func shootCovers(ctx context.Context, demo string) error {
	tab, cancel, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := prepare(tab, "light", coverWidth, height); err != nil {
		return err
	}
	for _, c := range covers {
		if err := shootCover(tab, demo, c); err != nil {
			return fmt.Errorf("render %s: %w", c.file, err)
		}
		fmt.Fprintln(os.Stderr, "rendered", c.file)
	}
	return nil
}

func shootCover(tab context.Context, demo string, c cover) error {
	if err := prepare(tab, "light", coverWidth, c.height); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(demo+"/"), chromedp.WaitVisible(`[data-door]`)); err != nil {
		return err
	}
	if _, err := chromedp.RunResponse(tab, chromedp.Click(fmt.Sprintf(`[data-door="%s"]`, c.door))); err != nil {
		return err
	}
	if err := open(tab, demo+c.page); err != nil {
		return err
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(c.file, picture, 0o644)
}
