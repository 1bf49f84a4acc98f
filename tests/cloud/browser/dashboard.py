"""Logs in to the dashboard with a browser, as the user of the environment, and looks at the images.

    python3 dashboard.py URL IMAGE

Writes a screenshot of the page to stdout. Fails unless the page lists IMAGE.
"""

import os
import sys

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

FIELDS = [("username", "OS_USERNAME"), ("password", "OS_PASSWORD"), ("domain", "OS_USER_DOMAIN_NAME")]
options = webdriver.ChromeOptions()
# In a container the browser has neither namespaces of its own nor much of /dev/shm.
for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"]:
    options.add_argument(argument)
browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
try:
    wait = WebDriverWait(browser, 60)
    url, image = sys.argv[1:]
    browser.get(f"{url}/auth/login/")
    for field, variable in FIELDS:
        element = wait.until(expected.visibility_of_element_located((By.NAME, field)))
        element.clear()
        element.send_keys(os.environ[variable])
    browser.find_element(By.CSS_SELECTOR, "form button[type=submit], form input[type=submit]").click()
    wait.until(lambda browser: "/auth/login" not in browser.current_url)
    browser.get(f"{url}/project/images")
    wait.until(expected.presence_of_element_located((By.XPATH, f"//a[contains(text(), '{image}')]")))
    sys.stdout.buffer.write(browser.get_screenshot_as_png())
except TimeoutException:
    sys.exit(f"{browser.current_url} says: {browser.find_element(By.TAG_NAME, 'body').text[:500]}")
finally:
    browser.quit()
