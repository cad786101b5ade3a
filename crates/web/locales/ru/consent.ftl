# Account chooser
choose-title = Выберите аккаунт
choose-another = Войти в другой аккаунт
choose-signed-out = Нужно войти снова
choose-done = Вы вышли из аккаунта.
choose-full = В браузере уже пять аккаунтов. Если войти ещё в один, мы выйдем из того, которым дольше всего не пользовались.
choose-sign-out = Выйти: { $name }

# Consent of a third-party client
consent-title = Доступ к вашему аккаунту
consent-lead = { $client } просит доступ к вашим данным
consent-account = Вы вошли как
another-account = другой аккаунт
consent-scopes = Будет доступно:
consent-host = После ответа вы перейдёте на
consent-lookalike = В названии или адресе смешаны похожие буквы разных алфавитов. Разрешайте доступ, только если доверяете этому сайту.
consent-later = Вы сможете отозвать доступ в личном кабинете.
consent-allow = Разрешить
consent-deny = Отказаться
client-policy = Политика конфиденциальности сайта
client-terms = Условия сайта
scope-openid = Идентификатор аккаунта
scope-openid-gives = Сайт узнает вас при следующем входе
scope-profile = Имя и профиль
scope-profile-gives = Фамилия, имя, отчество, язык и часовой пояс
scope-email = Email
scope-email-gives = Адрес и отметка о его подтверждении
scope-phone = Телефон
scope-phone-gives = Номер и отметка о его подтверждении
scope-address = Адрес
scope-address-gives = Почтовый адрес из профиля
scope-org = Организация
scope-org-gives = Организация, от имени которой вы работаете на этом сайте
scope-orgs = Все организации
scope-orgs-gives = Список ваших организаций: ИНН, КПП, название и кто это подтвердил
scope-identity = Подтверждённая личность
scope-identity-gives = Фамилия, имя, отчество и дата рождения, как их подтвердили Госуслуги, и когда это было
scope-identity_document = Документ, удостоверяющий личность
scope-identity_document-gives = Вид, номер, дата выдачи и кем выдан, как их подтвердили Госуслуги
scope-offline_access = Доступ без вашего участия
scope-offline_access-gives = Сайт получает данные и тогда, когда вы в нём не работаете, пока вы не отзовёте доступ
scope-other = Разрешение «{ $scope }»
scope-other-gives = Его назначение описывает сайт, который его просит

# «У меня есть код»
user-code-title = У меня есть код
user-code-lead = Введите код с экрана устройства или программы, в которую хотите войти.
user-code = Код
user-code-hint = Восемь латинских букв, например BCDF-GHJK. Регистр и дефис не важны.
user-code-compare = Сравните код с тем, который показывает устройство. Если они разные, не продолжайте.
user-code-submit = Продолжить
user-code-malformed = Такого кода не бывает: в нём восемь латинских букв, например BCDF-GHJK.
user-code-unknown = Код не найден. Проверьте его на экране устройства или запросите там новый.
user-code-many = Слишком много неверных кодов. Попробуйте через 10 минут.
device-title = Вход на другом устройстве
device-lead = { $client } просит войти в ваш аккаунт на другом устройстве
device-code = Код на экране устройства
device-from = Откуда запрос
device-asked = Когда
device-warning = Если вы не начинали вход сами или код вам прислали, нажмите «Отклонить».
device-elsewhere = Запрос пришёл из другой сети. Разрешайте вход, только если устройство сейчас перед вами.
device-allow = Разрешить вход
device-deny = Отклонить
device-fresh = Запрос пришёл из другой сети. Подтвердите вход на устройстве: { $client }
device-allowed = Вход разрешён
device-allowed-how = Вернитесь к устройству: оно войдёт само через несколько секунд.
device-allowed-later = Отозвать доступ можно в личном кабинете.
device-refused = Вход отклонён
device-refused-how = Устройство не получило доступа к вашему аккаунту.
device-over = Код больше не действует. Запросите на устройстве новый.

# Sign-out
logout-title = Выйти из аккаунта?
logout-lead = Вы выйдете из { $product } и из продуктов, в которые входили в этом браузере.
logout-lead-here = Вы выйдете из личного кабинета и из продуктов, в которые входили в этом браузере.
logout-submit = Выйти
logout-stay = Остаться
signed-out-title = Вы вышли
signed-out-text = Сеанс в этом браузере завершён.
signed-out-back = Вернуться в { $product }
signed-out-login = Войти снова
signed-out-leaving = Сообщаем продуктам, что вы вышли.
signed-out-continue = Продолжить
signed-out-frame = Выход из продукта

# Legal documents
document-version = Редакция { $version }
document-sample = Это образец. Замените его текстом, который утвердил ваш юрист.
document-former = Это прежняя редакция. Сейчас действует другая.
document-before = прежняя редакция
document-russian = The document is in Russian; the Russian text is the one that binds.

# What a product cannot do without
complete-email = Укажите email
complete-phone = Укажите телефон
complete-email-lead = Продукту { $client } нужен ваш email. Мы отправим на него код, спросим один раз.
complete-phone-lead = Продукту { $client } нужен ваш телефон. Мы отправим на него код, спросим один раз.
complete-submit = Получить код
complete-deny = Отказаться и вернуться
complete-documents-changed = Документы изменились
complete-documents-changed-lead = Чтобы продолжить, прочтите новые редакции.
complete-documents-new = Нужно ваше согласие
complete-documents-new-lead = Чтобы продолжить, прочтите документы.
complete-agreement = Нажимая кнопку «Продолжить», я соглашаюсь с условиями <agreement>Пользовательского соглашения</agreement>
complete-continue = Продолжить
complete-deny-here = Отказаться и выйти
complete-organisation = Укажите организацию
complete-organisation-lead = Продукту { $client } нужна организация, от имени которой вы работаете. Спросим один раз.
complete-choose = Выберите организацию
complete-choose-lead = От имени какой организации вы работаете в { $client }? Мы запомним выбор.
inn = ИНН
kpp = КПП
organisation-name = Название
complete-other = Войти в другой аккаунт
